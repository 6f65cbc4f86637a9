"""What an index is to hold, as the metadata store knows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.models.ids import GroupId, RecordId
from domain.models.records import StoredRecord


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group whose passages are up to date, with all of its members in no order."""

    group_id: GroupId
    members: Sequence[StoredRecord]
    chunk_count: int
    embedding_model: str


class IndexedContent(Protocol):
    """Confirmed contents: an index can be made of them, and of nothing else.

    What an import has not confirmed is left out, and so are passages that are out of date: the
    import that brought them writes them when it goes on. For stores that nobody else writes to;
    the first two methods may be asked within a snapshot, too.
    """

    async def records(self, *, after: RecordId | None, limit: int) -> Sequence[StoredRecord]:
        """Whole records that have chunks of their own, by id, those after ``after``."""
        ...

    async def groups(self, *, after: GroupId | None, limit: int) -> Sequence[StoredGroup]:
        """Groups that have passages, by id, those after ``after``."""
        ...

    async def models(self) -> frozenset[str]:
        """Names of the models that the contents were embedded by."""
        ...

    async def forget_unconfirmed(self) -> None:
        """Note that the index holds no chunks of what is not confirmed or out of date."""
        ...

    async def recount(self, records: Mapping[RecordId, int], groups: Mapping[GroupId, int]) -> None:
        """Note how many chunks the index holds of these."""
        ...
