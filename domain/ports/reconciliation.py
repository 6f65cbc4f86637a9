"""What comparing the stores with each other, and mending them, needs of the metadata store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from domain.models.ids import FileId, GroupId, ObjectKey, RecordId
from domain.models.indexes import ChunkOwner, Orphan, OutdatedRecord
from domain.models.records import IndexedRecord
from domain.ports.passage_groups import StaleGroup


class Reconciliation(Protocol):
    """Questions over all rows at once, and repairs that no import stands behind."""

    def owners(self) -> AsyncIterator[Sequence[ChunkOwner]]:
        """All records and groups, in pages, with what the active index has to hold of them."""
        ...

    async def unconfirmed_at_rest(self) -> Sequence[RecordId]:
        """Records that the index is not known to hold, though no import has them in hand."""
        ...

    async def embedded_otherwise(self) -> Sequence[RecordId]:
        """Records of another model than the active index's; none without an active index."""
        ...

    async def groups_embedded_otherwise(self) -> Sequence[GroupId]:
        """Groups whose passages are of another model than the active index's."""
        ...

    async def records_of(self, record_ids: Sequence[RecordId]) -> Sequence[OutdatedRecord]:
        """Those that are there, whole; ``fingerprint`` is the hash of their contents."""
        ...

    def mending(
        self, indexed: Sequence[IndexedRecord], *, model: str
    ) -> AbstractAsyncContextManager[Collection[RecordId]]:
        """As ``Records.confirming``, for whoever has no claim: records keep their files.

        Raises:
            IndexSwitchedError: another model is in use by now.
        """
        ...

    async def groups_of(self, group_ids: Sequence[GroupId]) -> Sequence[StaleGroup]:
        """Those that are there, to be composed anew."""
        ...

    async def memberless_groups(self) -> Sequence[GroupId]:
        """Groups without members that no file sees to."""
        ...

    async def files_with_stale_names(self) -> Sequence[FileId]:
        """Files at rest whose records show old names, or were to be given others."""
        ...

    async def files_with_stale_groups(self) -> Sequence[FileId]:
        """Files at rest that have passages to see to."""
        ...

    async def object_keys(self) -> Collection[ObjectKey]:
        """All objects that files stand on."""
        ...

    async def note_orphans(
        self, kind: str, keys: Collection[str], *, now: datetime
    ) -> Sequence[Orphan]:
        """Keep when each of ``keys`` was first seen, and forget those of ``kind`` seen no more."""
        ...
