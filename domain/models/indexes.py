"""Search indexes: which model embedded them, where they lie, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.models.ids import ChunkId, GroupId, RecordId, derive_chunk_id
from domain.models.records import JsonValue, StoredRecord


class IndexState(StrEnum):
    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class IndexPlace:
    """One search index. ``model`` names it, ``location`` tells it from others in the same store.

    The first index of an installation has the location ``""``. ``recipe`` is how the model is
    opened, as the embedder's settings.
    """

    model: str
    dimension: int
    location: str
    recipe: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """An index as operators see it: it has ``held`` of ``total`` records and groups by now."""

    place: IndexPlace
    state: IndexState
    held: int
    total: int
    error: str | None
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutdatedRecord:
    """A record whose present content an index does not hold.

    ``fingerprint`` says which content that is; the index may hold up to ``known_chunks`` of it.
    """

    stored: StoredRecord
    fingerprint: str
    known_chunks: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Says that an index holds ``chunk_count`` chunks of a record or group, of which content."""

    owner_id: RecordId | GroupId
    fingerprint: str
    chunk_count: int


@dataclass(frozen=True, slots=True)
class ChunkOwner:
    """What the active index has to hold of a record or group, and what it may.

    The first ``certain`` chunks have to be there; up to ``possible`` may be, while an import or a
    renaming has the owner in hand. None are of an owner without a model.
    """

    owner_id: RecordId | GroupId
    is_group: bool
    certain: int
    possible: int
    model: str | None

    def certain_ids(self) -> list[ChunkId]:
        return self._ids(self.certain)

    def possible_ids(self) -> list[ChunkId]:
        return self._ids(max(self.certain, self.possible))

    def _ids(self, count: int) -> list[ChunkId]:
        if self.model is None:
            return []
        return [derive_chunk_id(self.owner_id, position, self.model) for position in range(count)]


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something in a store that belongs to nobody, as of ``first_seen``."""

    key: str
    first_seen: datetime
