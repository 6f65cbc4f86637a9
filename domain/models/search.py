"""Queries, filters, candidates and hits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter
from typing import Generic, NamedTuple, Protocol, TypeVar

from domain.models.analysis import AnalysedQuery
from domain.models.chunks import Embedding, Member, Vector, heading_of
from domain.models.ids import ChunkId, EntityId, FileId, RecordId, uuid_in
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

    @classmethod
    def matches(cls, matches: Iterable[Match]) -> Within:
        """Their chunks alone."""
        found = list(matches)
        return cls(
            frozenset(match.record_id for match in found),
            frozenset(match.chunk_id for match in found),
        )


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What a hit must satisfy; an empty filter lets everything pass.

    ``since`` is inclusive, ``until`` exclusive; a chunk without a timestamp fails either.
    ``metadata`` asks for equality with a scalar entry, or membership in a list entry; ``author``
    is an entry of every chunk that has one. ``entity`` asks for records that speak of it, which
    are ``within`` once somebody has looked them up. Title or text contain every phrase and nothing
    that is excluded. One of ``authors`` wrote or said it, in one of ``places``; what counts as
    that is for ``domain.text_conditions`` to say.
    """

    sources: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    scope: Scope = EVERYTHING
    entity: EntityId | None = None
    within: Within | None = None
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    @property
    def looks_into_texts(self) -> bool:
        """Whether it asks for more than an index of exact values knows."""
        return bool(self.phrases or self.excluded or self.authors or self.places)


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

    @property
    def heading(self) -> str | None:
        return heading_of(self.title)


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

    ``vector`` is L2-normalised, of any float type; ``None`` where it is not at hand. ``heading`` is
    what it shares with others of its source that stand in the same place.
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
    @property
    def heading(self) -> str | None: ...


Ranked = TypeVar("Ranked", bound=Rankable, covariant=True)


class Match(NamedTuple):
    """A chunk that a leg found, not read yet: most of what a leg finds is never shown.

    ``is_new`` says that the index does not hold it: it is the present content of a record that is
    on its way there. ``chunk`` is the chunk's id in bytes where it is known without reading,
    ``number`` what the index itself knows this version of it by.
    """

    record_id: RecordId
    source_type: str
    score: float
    read: Callable[[], Candidate]
    timestamp: datetime | None = None
    vector: Vector | None = None
    is_new: bool = False
    heading: str | None = None
    chunk: bytes = b""
    number: int | None = None

    @property
    def chunk_id(self) -> ChunkId:
        return ChunkId(uuid_in(self.chunk)) if self.chunk else self.read().chunk_id

    def scored(self, score: float) -> Match:
        """The same with another leg's score, as an index holds it."""
        # Half of what ``_replace`` takes; a query makes a hundred of them.
        return Match(self[0], self[1], score, *self[3:6], False, *self[7:])


def best_first(matches: Sequence[Match]) -> list[Match]:
    """By score, and equal scores alike, whoever found them: by record, then by chunk.

    An index has an order of its own for these, which another does not share.
    """
    ordered = sorted(matches, key=attrgetter("score"), reverse=True)
    if all(one.score > other.score for one, other in pairwise(ordered)):
        return ordered
    return sorted(matches, key=lambda one: (-one.score, one.record_id.int, one.chunk))


def scored_as(found: Iterable[Match], matches: Sequence[Match]) -> list[Match]:
    """The matches whose chunks were ``found``, with the scores of these."""
    by_chunk = {match.chunk_id: match for match in matches}
    return [by_chunk[one.chunk_id].scored(one.score) for one in found]


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
    """A question. ``cursor`` is that of an answer to the same one, whose next hits are wanted.

    ``time_zone``, an IANA name, is the asker's: which day *yesterday* was. Of an ``is_plain`` text
    nothing is an operator. ``analysis`` is what
    was understood of the text, once that is known.
    """

    text: str
    mode: SearchMode = SearchMode.HYBRID
    limit: int = 10
    where: SearchFilter = field(default_factory=SearchFilter)
    cursor: str | None = None
    time_zone: str = "UTC"
    is_plain: bool = False
    analysis: AnalysedQuery | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Ranked hits; times are milliseconds.

    ``degraded`` names the legs that gave no answer, ``unavailable`` the dependencies that an
    answer had to do without. ``next_cursor`` leads to the hits after these; without it there are
    none. ``index_changed`` says that the index is another than for the page before: hits may
    come twice, or be passed over.
    """

    hits: tuple[Hit[Candidate], ...]
    took_ms: float
    stages_ms: Mapping[str, float]
    cached: bool = False
    degraded: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    analysis: AnalysedQuery | None = None
    next_cursor: str | None = None
    index_changed: bool = False

    @property
    def is_degraded(self) -> bool:
        return bool(self.degraded or self.unavailable)
