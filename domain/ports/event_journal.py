"""Events as a log that can be read, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from domain.models.events import EventCounts, LoggedEvent
from domain.models.ids import FileId


class EventJournal(Protocol):
    """All events of files that are not deleted, until they are pruned.

    Ids grow in the order of commits: who has read an id has missed none before it.
    """

    async def after(
        self, event_id: int, *, limit: int, file_id: FileId | None = None
    ) -> Sequence[LoggedEvent]:
        """The first ``limit`` events after ``event_id``, by id; of one file where it is given."""
        ...

    async def latest(self, *, limit: int, file_id: FileId | None = None) -> Sequence[LoggedEvent]:
        """The last ``limit`` events, by id."""
        ...

    async def dead(self, *, limit: int, file_id: FileId | None = None) -> Sequence[LoggedEvent]:
        """The last ``limit`` events that were given up, by id."""
        ...

    async def replay(self, event_id: int) -> LoggedEvent:
        """Put a dead event back, due at once; a file that failed by it waits for it again.

        Raises:
            NotFoundError: no such event.
            ConflictError: it is not dead, or its file is being deleted.
        """
        ...

    async def prune(self, *, older_than_seconds: float, limit: int) -> int:
        """Remove up to ``limit`` events that were handled so long ago; returns how many."""
        ...

    async def counts(self) -> EventCounts: ...

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back soon after events were written, and whenever some may have been missed.

        Returns what ends it. Needs a running event loop.
        """
        ...
