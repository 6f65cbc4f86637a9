"""Queries, filters, candidates and hits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from domain.models.chunks import Embedding, Member, Vector
from domain.models.ids import ChunkId, EntityId, FileId, RecordId
from domain.models.records import JsonValue


class SearchMode(StrEnum):
    HYBRID = "hybrid"
    VECTOR = "vector"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks. ``principals`` is ``None`` for one who may see everything."""

    principals: tuple[str, ...] | None = None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Within:
    """The records that a search is to stay within, and the chunks that may hold them.

    ``chunks`` is ``None`` where they are too many to name: whoever searches looks deeper then, and
    leaves out what is of other records. A passage among them may be of others, too.
    """

    records: frozenset[RecordId]
    chunks: frozenset[ChunkId] | None


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What a hit must satisfy; an empty filter lets everything pass.

    ``since`` is inclusive, ``until`` exclusive; a chunk without a timestamp fails either.
    ``metadata`` asks for equality with a scalar entry, or membership in a list entry. ``entity``
    asks for records that speak of it, which are ``within`` once somebody has looked them up.
    """

    sources: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    scope: Scope = EVERYTHING
    entity: EntityId | None = None
    within: Within | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a leg found, with what the index keeps of it.

    A passage has ``members``; ``record_id``, ``url`` and ``timestamp`` are those of the first.

    ``score`` is the leg's own, higher is better: cosine similarity for vectors, BM25 for keywords.
    """

    chunk_id: ChunkId
    record_id: RecordId
    file_id: FileId
    score: float
    text: str
    source_type: str
    content_type: str
    title: str | None
    author: str | None
    timestamp: datetime | None
    url: str | None
    thread: str | None
    metadata: Mapping[str, JsonValue]
    start: int
    end: int
    members: tuple[Member, ...] = ()

    @property
    def vector(self) -> Vector | None:
        """None: what is shown has none."""
        return None


@dataclass(frozen=True, slots=True)
class KeptChunk:
    """A chunk as an index keeps it: what a hit of it shows, with score 0, and its vector."""

    shown: Candidate
    embedding: Embedding

    @property
    def embedding_text(self) -> str:
        """What the model has read, as ``Chunk.embedding_text``."""
        shown = self.shown
        return f"{shown.title}\n{shown.text}" if shown.title else shown.text


class Rankable(Protocol):
    """What blending must know of a thing in a ranking. ``score``: higher is better.

    ``vector`` is L2-normalised, of any float type; ``None`` where it is not at hand.
    """

    @property
    def record_id(self) -> RecordId: ...
    @property
    def source_type(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def timestamp(self) -> datetime | None: ...
    @property
    def vector(self) -> Vector | None: ...


Ranked = TypeVar("Ranked", bound=Rankable, covariant=True)


class Match(NamedTuple):
    """A chunk that a leg found, not read yet: most of what a leg finds is never shown."""

    record_id: RecordId
    source_type: str
    score: float
    read: Callable[[], Candidate]
    timestamp: datetime | None = None
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """One addend of a hit's score.

    ``leg`` gave it rank ``rank`` (from 1) and ``raw_score``; or ``leg`` names what else moved the
    hit (``domain.blending``), which has no rank.
    """

    leg: str
    rank: int | None
    raw_score: float
    weight: float
    addend: float


@dataclass(frozen=True, slots=True)
class Hit(Generic[Ranked]):
    """A result: ``score`` is the sum of its contributions' addends, in their order.

    ``folded`` counts the hits below that are left out because they say the same.
    """

    candidate: Ranked
    score: float
    contributions: tuple[Contribution, ...]
    folded: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    mode: SearchMode = SearchMode.HYBRID
    limit: int = 10
    where: SearchFilter = field(default_factory=SearchFilter)


@dataclass(frozen=True, slots=True)
class Answer:
    """Ranked hits; times are milliseconds.

    ``degraded`` names the legs that gave no answer, ``unavailable`` the dependencies that an
    answer had to do without.
    """

    hits: tuple[Hit[Candidate], ...]
    took_ms: float
    stages_ms: Mapping[str, float]
    cached: bool = False
    degraded: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    @property
    def is_degraded(self) -> bool:
        return bool(self.degraded or self.unavailable)
