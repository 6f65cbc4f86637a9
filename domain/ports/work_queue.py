"""What is to be done next: files that wait for a worker, events that wait for their handlers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from domain.models.events import Event
from domain.models.files import Claim, Priority, QueueState
from domain.models.ids import FileId


class WorkQueue(Protocol):
    """Leases on files that are ``queued``, or ``processing`` under a lease that ran out."""

    async def claim(
        self, owner: str, *, limit: int, lease_seconds: float, only: Priority | None = None
    ) -> Sequence[Claim]:
        """Lease up to ``limit`` files and move them to ``processing``.

        Interactive ones first; within a priority, first those begun under a lease that ran out,
        then the sources in turn, each with its oldest upload. The order is that of the result.
        ``FOR UPDATE SKIP LOCKED``: concurrent callers never get the same file.
        """
        ...

    async def extend(self, claims: Sequence[Claim], *, lease_seconds: float) -> Sequence[Claim]:
        """Heartbeat. Returns those still held; the others are somebody else's now."""
        ...

    async def release(self, owner: str) -> int:
        """End all leases of ``owner`` (after a restart); returns how many."""
        ...

    async def deleting(self, *, limit: int) -> Sequence[FileId]:
        """Files whose deletion was asked for and is not finished."""
        ...

    async def stalled(self, *, limit: int) -> Sequence[FileId]:
        """Files that are ``indexing`` although all their events are handled, or the like."""
        ...

    async def depth(self) -> int:
        """Files not in a final status, ``deleting`` left out."""
        ...

    async def state(self) -> QueueState: ...


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A leased event. ``failures`` counts the attempts that failed by the event's own fault."""

    entry_id: int
    event: Event
    attempt: int
    failures: int


class EventLog(Protocol):
    """The transactional outbox. At least once, in order per file."""

    async def claim(self, *, limit: int, lease_seconds: float) -> Sequence[OutboxEntry]:
        """Lease the oldest unhandled event of each file, if it is due and nobody holds it.

        First those that end a file, then those that begin an interactive one, then the others.
        """
        ...

    async def extend(self, entry_ids: Sequence[int], *, lease_seconds: float) -> None:
        """Heartbeat of the events that are being handled."""
        ...

    async def release(self) -> None:
        """End the leases of all events: the reader has restarted, and there is only one."""
        ...

    async def handled(self, entry_id: int) -> None: ...

    async def failed(
        self,
        entry_id: int,
        *,
        error: str,
        retry_in_seconds: float | None,
        by_its_fault: bool = False,
    ) -> None:
        """Put the event back for later, or for ``None`` among the dead events.

        With a dead event its file becomes ``failed``, in the same transaction and with a sentence
        that names both, unless the file rests already. Does nothing to what was handled.
        """
        ...

    async def wait(self, *, timeout_seconds: float) -> None:
        """Return when new work was announced (LISTEN/NOTIFY) or the time is up."""
        ...

    async def generation(self) -> int:
        """Number of the index's present content; grows with every ``bump_generation``."""
        ...

    async def lineage(self) -> UUID:
        """Which history of generations this is: another one in every database."""
        ...

    async def bump_generation(self) -> int:
        """The index's content has changed: announce it to every process."""
        ...
