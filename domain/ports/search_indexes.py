"""Which search index is in use, and what those hold that are not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from domain.models.ids import GroupId, RecordId
from domain.models.indexes import Holding, IndexPlace, IndexReport, OutdatedRecord
from domain.ports.passage_groups import StaleGroup


class SearchIndexes(Protocol):
    """The rows of ``search_indexes``. At most one index is active, and at most one is built.

    Whoever stages, confirms, renders or removes records, or writes passages, keeps the active
    index from changing until that is done; who does it for another model gets
    ``IndexSwitchedError``. Before the first index is registered nobody is refused.
    """

    async def active(self) -> IndexPlace | None: ...

    async def building(self) -> IndexPlace | None: ...

    async def list(self) -> Sequence[IndexReport]:
        """All that there are, oldest first."""
        ...

    async def register(self, place: IndexPlace) -> IndexPlace:
        """Make ``place`` the active index unless there is one; returns the active one."""
        ...

    async def request(self, place: IndexPlace) -> IndexPlace:
        """Let an index be built; a repeat changes nothing. One that is kept is brought up to date.

        Returns it with the location that it has.

        Raises:
            ConflictError: it is the active one, another is being built, or the model had another
                dimension before.
        """
        ...

    async def cancel(self) -> IndexPlace | None:
        """Stop building; what is there is kept as a retired index. ``None``: nothing was built."""
        ...

    async def note_error(self, model: str, error: str | None) -> None:
        """Keep what keeps an index from being built, for people to see."""
        ...

    async def forget(self, model: str) -> None:
        """Forget a retired index, whose chunks are gone. Raises ``ConflictError`` for others."""
        ...

    def building_alone(self, model: str) -> AbstractAsyncContextManager[bool]:
        """Whether nobody else builds this index; while inside, nobody else can begin to."""
        ...

    def switching(self, model: str) -> AbstractAsyncContextManager[None]:
        """Hold all writers back; on a clean exit the index being built is the active one.

        Everything at once: records and groups say what the new index holds of them, the old
        index's contents are kept, and the generation grows. If the block raises, nothing changes.

        Raises:
            ConflictError: it is not being built (any more), or does not hold everything.
        """
        ...

    def holding_still(self) -> AbstractAsyncContextManager[None]:
        """Hold all writers back while inside; they wait."""
        ...


class IndexContents(Protocol):
    """What an index that is not active holds. Written to by one process at a time."""

    async def outdated_records(
        self, model: str, *, after: RecordId | None, limit: int
    ) -> Sequence[OutdatedRecord]:
        """Records of which the index that is being built has not the present content, by id."""
        ...

    async def outdated_groups(
        self, model: str, *, after: GroupId | None, limit: int
    ) -> Sequence[StaleGroup]:
        """Groups of which it has not the passages of the present revision, by id."""
        ...

    async def leftovers(self, model: str, *, limit: int) -> Sequence[Holding]:
        """What it holds of records and groups that are gone."""
        ...

    async def announce(self, model: str, holdings: Sequence[Holding]) -> None:
        """The index may soon hold up to so many chunks; to be called before it is written to."""
        ...

    async def hold(self, model: str, holdings: Sequence[Holding]) -> None:
        """The index holds these contents, and no other chunks of their owners."""
        ...

    async def forget(self, model: str, owner_ids: Sequence[RecordId | GroupId]) -> None:
        """The index holds nothing of these any more."""
        ...

    async def forget_all(self, model: str) -> None:
        """The index is about to be taken away, and holds nothing that counts."""
        ...
