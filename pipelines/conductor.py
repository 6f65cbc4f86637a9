"""Keeps files moving: relays events, leases queued files to workers, carries out deletions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from domain.errors import (
    ConflictError,
    FatalImportError,
    LeaseLostError,
    NotFoundError,
    RetryableError,
    WorkerDiedError,
)
from domain.models.files import Claim, Priority, ProcessingStatus
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore
from domain.ports.work_queue import OutboxEntry
from pipelines.deleting import FileDeleter
from pipelines.handlers import EventHandlers

log = structlog.get_logger(__name__)

EVENT_LEASE_SECONDS = 15.0
MAX_WORKER_DEATHS = 3
POLL_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 10.0
HOUSEKEEPING_SECONDS = 60.0
PRUNED_AT_ONCE = 1_000
EVENTS_PER_FILE = 2
"""Events that are handled for each file that may be imported: most are handled much sooner."""
GATHERING_SECONDS = 0.03
"""Between two looks for work, so that one look finds what many announcements tell of."""
POISON = (
    f"reading this file killed its worker {MAX_WORKER_DEATHS} times at the same place; "
    "it may need more memory than there is: split it, or replay it later"
)
STALLED = "nothing was left that would move this file on: headrace replay reads it again"


@dataclass(slots=True)
class _Suspicion:
    """How often a file's worker died without the file having come further than ever before."""

    deaths: int = 0
    records_done: int = 0

    def note_death(self, records_done: int) -> None:
        self.deaths = 1 if records_done > self.records_done else self.deaths + 1
        self.records_done = max(self.records_done, records_done)


class ImportWorkers(Protocol):
    """Where files are imported."""

    async def import_file(self, claim: Claim) -> None:
        """Import a claimed file to the end.

        Raises:
            WorkerDiedError: the process died on the way; once for each death.
            RetryableError, FatalImportError: as ``pipelines.file_import.FileImporter.run``.
        """
        ...


@dataclass(frozen=True, slots=True)
class ConductorLimits:
    """How much is done at a time, and how long things are kept.

    No more than ``files_in_flight`` files are claimed, each with one batch of records at the index
    writer: while that is behind, nothing more is claimed, the queue fills, and uploads are refused.
    ``interactive_extra`` more are claimed of interactive files, so that bulk holds up none.
    An event that failed ``event_attempts`` times by its own fault is dead.
    """

    files_in_flight: int
    lease_seconds: float
    interactive_extra: int = 1
    event_attempts: int = 5
    event_retention_seconds: float = 7 * 24 * 3600.0
    history_retention_seconds: float = 90 * 24 * 3600.0


class Pause(Protocol):
    """Lets work wait while a store that it needs is away."""

    async def over(self, after: RetryableError | None = None) -> None:
        """Return when work may begin, ``after`` having ended the last; usually at once."""
        ...


class NoPause:
    """Work begins at any time; what a store refuses is tried again with growing pauses."""

    async def over(self, after: RetryableError | None = None) -> None: ...


class Conductor:
    """One per installation. It keeps nothing that a restart would miss: the truth is stored."""

    def __init__(
        self,
        metadata: MetadataStore,
        workers: ImportWorkers,
        handlers: EventHandlers,
        deleter: FileDeleter,
        limits: ConductorLimits,
        *,
        pause: Pause | None = None,
        owner: str = "conductor",
    ) -> None:
        self._metadata = metadata
        self._workers = workers
        self._handlers = handlers
        self._deleter = deleter
        self._limits = limits
        self._pause = pause or NoPause()
        self._owner = owner
        self._imports: dict[FileId, tuple[Claim, asyncio.Task[None]]] = {}
        self._events: dict[int, asyncio.Task[None]] = {}
        self._suspicions: dict[FileId, _Suspicion] = {}
        self._one_suspect_at_a_time = asyncio.Lock()
        self._events_wanted = asyncio.Event()
        self._files_wanted = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Stores that fail are waited for, never given up."""
        await self._persistently("release_leases", self._release)
        try:
            await self._run_loops()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        """Leave no work behind that nobody watches; the stored truth lets it be taken up again."""
        tasks = [task for _, task in self._imports.values()] + list(self._events.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_loops(self) -> None:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._repeat("listen", self._listen))
            loops.create_task(self._repeat("relay_events", self._relay_events))
            loops.create_task(self._repeat("claim_files", self._claim_files))
            loops.create_task(self._repeat("extend_leases", self._extend_leases))
            loops.create_task(self._repeat("extend_events", self._extend_events))
            loops.create_task(self._repeat("delete_files", self._delete_files))
            loops.create_task(self._repeat("keep_house", self._keep_house))

    async def _release(self) -> None:
        await self._metadata.events.release()
        released = await self._metadata.queue.release(self._owner)
        log.info("leases_released", count=released)

    async def _repeat(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._persistently(name, step)

    async def _persistently(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        backoff = POLL_SECONDS / 4
        while True:
            try:
                return await step()
            except RetryableError as error:
                log.warning("conductor_step_delayed", step=name, error=error.message)
            except Exception:
                log.exception("conductor_step_failed", step=name)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _listen(self) -> None:
        """Let the loops look again when work is announced, and every so often all the same."""
        await self._metadata.events.wait(timeout_seconds=POLL_SECONDS)
        self._look_again()

    def _look_again(self) -> None:
        self._events_wanted.set()
        self._files_wanted.set()

    async def _relay_events(self) -> None:
        await self._pause.over()
        self._events_wanted.clear()
        room = EVENTS_PER_FILE * self._limits.files_in_flight - len(self._events)
        claimed = (
            await self._metadata.events.claim(limit=room, lease_seconds=EVENT_LEASE_SECONDS)
            if room > 0
            else ()
        )
        for entry in claimed:
            if entry.entry_id not in self._events:
                self._events[entry.entry_id] = asyncio.create_task(self._handle_event(entry))
        # Fewer than there is room for were all that are due.
        if len(claimed) < room or room <= 0:
            await _soon(self._events_wanted)

    async def _handle_event(self, entry: OutboxEntry) -> None:
        try:
            await self._run_handlers(entry)
        except Exception:
            log.exception("event_left_for_later", entry_id=entry.entry_id, name=entry.event.name)
        finally:
            del self._events[entry.entry_id]
            self._look_again()

    async def _run_handlers(self, entry: OutboxEntry) -> None:
        file_id = entry.event.file_id
        try:
            await self._handlers.handle(entry.event)
        except (NotFoundError, ConflictError) as error:
            log.info("event_outdated", file_id=str(file_id), error=error.message)
        except FatalImportError as error:
            await self._fail(file_id, error.message)
        except WorkerDiedError as error:
            return await self._put_back(entry, error.message, for_ever=False)
        except RetryableError as error:
            return await self._put_back(entry, error.message)
        except Exception as error:
            log.exception("event_handler_failed", file_id=str(file_id), name=entry.event.name)
            text = f"{type(error).__name__}: {error}"
            return await self._put_back(entry, text, for_ever=False)
        await self._metadata.events.handled(entry.entry_id)
        return None

    async def _put_back(self, entry: OutboxEntry, error: str, *, for_ever: bool = True) -> None:
        """Let the event come again later; ``for_ever`` for what is none of the file's fault."""
        is_given_up = not for_ever and entry.failures + 1 >= self._limits.event_attempts
        if is_given_up:
            file_id = str(entry.event.file_id)
            log.error("event_given_up", event_id=entry.entry_id, file_id=file_id, error=error)
        retry = None if is_given_up else min(2.0 ** min(entry.attempt, 10) / 2, MAX_BACKOFF_SECONDS)
        await self._metadata.events.failed(
            entry.entry_id, error=error, retry_in_seconds=retry, by_its_fault=not for_ever
        )

    async def _extend_events(self) -> None:
        await asyncio.sleep(EVENT_LEASE_SECONDS / 3)
        if self._events:
            await self._metadata.events.extend(
                list(self._events), lease_seconds=EVENT_LEASE_SECONDS
            )

    async def _claim_files(self) -> None:
        await self._pause.over()
        self._files_wanted.clear()
        if not await self._claim():
            await _soon(self._files_wanted)

    async def _claim(self) -> bool:
        """Begin as many files as there is room for; only interactive ones where there is little.

        Returns whether there may be more.
        """
        room = self._limits.files_in_flight - len(self._imports)
        limit = room if room > 0 else room + self._limits.interactive_extra
        if limit <= 0:
            return False
        claims = await self._metadata.queue.claim(
            self._owner,
            limit=limit,
            lease_seconds=self._limits.lease_seconds,
            only=None if room > 0 else Priority.INTERACTIVE,
        )
        for claim in claims:
            self._begin_import(claim)
        return len(claims) == limit

    def _begin_import(self, claim: Claim) -> None:
        """Begin; what still runs under an older lease, which ran out meanwhile, has lost the file.

        So it goes after an outage of the store, or when this process was held up.
        """
        if claim.file_id in self._imports:
            self._imports[claim.file_id][1].cancel()
        self._imports[claim.file_id] = (claim, asyncio.create_task(self._import(claim)))

    def _holds(self, claim: Claim) -> bool:
        return claim.file_id in self._imports and self._imports[claim.file_id][0] == claim

    async def _import(self, claim: Claim) -> None:
        try:
            await self._import_persistently(claim)
            self._suspicions.pop(claim.file_id, None)
        except LeaseLostError:
            log.warning("lease_lost", file_id=str(claim.file_id), attempt=claim.attempt)
        except (NotFoundError, ConflictError) as error:
            log.info("import_outdated", file_id=str(claim.file_id), error=error.message)
        except Exception:
            log.exception("import_left_for_later", file_id=str(claim.file_id))
        finally:
            if self._holds(claim):
                del self._imports[claim.file_id]
            self._look_again()

    async def _import_persistently(self, claim: Claim) -> None:
        backoff = POLL_SECONDS / 2
        while True:
            met: RetryableError | None = None
            try:
                return await self._import_once(claim)
            except (LeaseLostError, NotFoundError, ConflictError):
                raise
            except FatalImportError as error:
                return await self._fail(claim.file_id, error.message, claim=claim)
            except WorkerDiedError as error:
                log.warning("worker_died", file_id=str(claim.file_id), error=error.message)
                if await self._is_poison(claim.file_id):
                    return await self._fail(claim.file_id, POISON, claim=claim)
            except RetryableError as error:
                log.warning("import_delayed", file_id=str(claim.file_id), error=error.message)
                met = error
            except Exception as error:
                log.exception("import_failed", file_id=str(claim.file_id))
                text = f"unexpected {type(error).__name__}: {error}"
                return await self._fail(claim.file_id, text, claim=claim)
            await asyncio.sleep(backoff)
            await self._pause.over(met)
            backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    async def _import_once(self, claim: Claim) -> None:
        """A file whose worker died is tried again beside no other such file.

        So only the one that kills workers meets death again and again.
        """
        if claim.file_id not in self._suspicions:
            return await self._workers.import_file(claim)
        async with self._one_suspect_at_a_time:
            return await self._workers.import_file(replace(claim, is_suspect=True))

    async def _is_poison(self, file_id: FileId) -> bool:
        """Note a death; whether it was one too many."""
        suspicion = self._suspicions.setdefault(file_id, _Suspicion())
        report = await self._metadata.files.get(file_id)
        suspicion.note_death(report.progress.records_done)
        return suspicion.deaths >= MAX_WORKER_DEATHS

    async def _fail(self, file_id: FileId, error: str, *, claim: Claim | None = None) -> None:
        log.warning("file_failed", file_id=str(file_id), error=error)
        await self._metadata.files.transition(
            file_id, ProcessingStatus.FAILED, claim=claim, error=error
        )

    async def _extend_leases(self) -> None:
        await asyncio.sleep(self._limits.lease_seconds / 3)
        claims = [claim for claim, _ in self._imports.values()]
        if not claims:
            return
        held = await self._metadata.queue.extend(claims, lease_seconds=self._limits.lease_seconds)
        for claim in set(claims) - set(held):
            if self._holds(claim):
                self._imports[claim.file_id][1].cancel()

    async def _delete_files(self) -> None:
        for file_id in await self._metadata.queue.deleting(limit=10):
            if file_id in self._imports:
                self._imports[file_id][1].cancel()
            await self._deleter.run(file_id)
            log.info("file_deleted", file_id=str(file_id))
        await asyncio.sleep(POLL_SECONDS)

    async def _keep_house(self) -> None:
        """Prune what is kept for a time, a little at once; let no file wait for nothing."""
        pruned = await self._metadata.journal.prune(
            older_than_seconds=self._limits.event_retention_seconds, limit=PRUNED_AT_ONCE
        )
        forgotten = await self._metadata.history.prune(
            older_than_seconds=self._limits.history_retention_seconds, limit=PRUNED_AT_ONCE
        )
        for file_id in await self._metadata.queue.stalled(limit=10):
            with contextlib.suppress(NotFoundError, ConflictError):
                await self._fail(file_id, STALLED)
        is_behind = PRUNED_AT_ONCE in (pruned, forgotten)
        await asyncio.sleep(POLL_SECONDS if is_behind else HOUSEKEEPING_SECONDS)


async def _soon(wanted: asyncio.Event) -> None:
    """Wait until work is wanted, but let some gather."""
    await asyncio.sleep(GATHERING_SECONDS)
    await wanted.wait()
