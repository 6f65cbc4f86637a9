"""Groups of records that share passages, and which of them are out of date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.models.ids import FileId, GroupId
from domain.models.records import StoredRecord


@dataclass(frozen=True, slots=True)
class StaleGroup:
    """A group to be composed anew, as it was at ``revision``.

    ``members`` are in no order; none are left of a group that is gone. The index may hold up to
    ``known_chunks`` passages of it.
    """

    group_id: GroupId
    revision: int
    known_chunks: int
    members: Sequence[StoredRecord]


@dataclass(frozen=True, slots=True)
class ComposedGroup:
    """Says how many passages the members of a group make at ``revision``."""

    group_id: GroupId
    revision: int
    chunk_count: int


@dataclass(frozen=True, slots=True)
class IndexedGroup:
    """Says that the index holds ``chunk_count`` passages of the group."""

    group_id: GroupId
    chunk_count: int
    embedding_model: str | None


class PassageGroups(Protocol):
    """Staging and removing records makes their groups stale, in the same transaction.

    A group stays stale for every file that has a part in it until its passages are written, so
    that no file is called processed before its records can be found.
    """

    async def stale(
        self, file_id: FileId, *, after: GroupId | None, limit: int
    ) -> Sequence[StaleGroup]:
        """Groups that the file has to see to, by id, those after ``after``."""
        ...

    async def count_stale(self, file_id: FileId) -> int: ...

    def writing(
        self, composed: Sequence[ComposedGroup], *, model: str
    ) -> AbstractAsyncContextManager[Collection[GroupId]]:
        """Lock the groups that are as they were composed; up to date on a clean exit.

        Yields these; all others have changed, and stay stale. The caller writes their passages
        to the index inside the block. If the block raises, or dies, they stay stale.
        """
        ...

    def expected(self) -> AsyncIterator[Sequence[IndexedGroup]]:
        """All groups in pages, for ``verify``."""
        ...
