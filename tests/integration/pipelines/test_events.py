"""Events on their way through the conductor: in order, at least once, never lost silently."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from domain.errors import StoreUnavailableError
from domain.models.chunks import EmbeddedChunk
from domain.models.events import (
    EventState,
    FileProcessed,
    FileUploaded,
    IndexingCompleted,
    LoggedEvent,
)
from domain.models.files import ImportOptions, Priority, ProcessingStatus
from domain.models.ids import FileId
from domain.ports.query_history import HistoryEntry, HistoryView
from pipelines.conductor import ConductorLimits
from pipelines.handlers import FileStep
from tests.integration.pipelines.conftest import ImportSide, InterruptibleIndex, csv_of

S = ProcessingStatus
FEW_ATTEMPTS = ConductorLimits(files_in_flight=4, lease_seconds=10.0, event_attempts=2)


async def log_of(side: ImportSide, file_id: FileId | None = None) -> list[LoggedEvent]:
    return list(await side.metadata.journal.after(0, limit=99, file_id=file_id))


async def settled(side: ImportSide, file_id: FileId) -> list[LoggedEvent]:
    """The file's log once nothing in it is pending."""
    async with asyncio.timeout(30):
        while True:
            log = await log_of(side, file_id)
            if log and all(one.state is not EventState.PENDING for one in log):
                return log
            await side.metadata.events.wait(timeout_seconds=0.05)


async def snapshot(side: ImportSide, file_id: FileId) -> tuple[Any, ...]:
    report = await side.metadata.files.get(file_id)
    return (
        report.file,
        report.ledger,
        await side.metadata.slices.pending(file_id),
        await side.metadata.records.count(),
        await log_of(side, file_id),
    )


async def test_an_import_tells_the_three_events_in_order(import_side: ImportSide) -> None:
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(5))
        await import_side.finished(file_id)
        log = await settled(import_side, file_id)

    uploaded, processed, completed = [one.event for one in log]
    assert uploaded == FileUploaded(file_id, "notes.csv", "unknown")
    assert isinstance(processed, FileProcessed)
    assert (processed.record_count, processed.processing_time > 0) == (5, True)
    assert completed == IndexingCompleted(file_id, 5)


async def test_the_handlers_of_an_upload_may_run_twice(import_side: ImportSide) -> None:
    file_id = await import_side.upload("notes.csv", csv_of(5))
    planner = import_side.planner()
    for handler in (planner.validate_file, planner.queue_for_processing):
        await handler(file_id)
        once = await snapshot(import_side, file_id)
        await handler(file_id)
        assert await snapshot(import_side, file_id) == once


async def test_the_handlers_of_every_event_may_run_twice(import_side: ImportSide) -> None:
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(5))
        await import_side.finished(file_id)
        log = await settled(import_side, file_id)
    before = await snapshot(import_side, file_id)

    handlers = import_side.handlers()
    for entry in log:
        await handlers.handle(entry.event)

    assert await snapshot(import_side, file_id) == before


class Failing:
    """Validation that fails as often as the test says, and counts."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self, validate: FileStep) -> FileStep:
        async def step(file_id: FileId) -> None:
            self.calls += 1
            if self.calls <= self.times:
                raise self.error
            await validate(file_id)

        return step


async def test_an_event_that_fails_for_good_is_set_aside_and_its_file_says_so(
    import_side: ImportSide,
) -> None:
    import_side.limits = FEW_ATTEMPTS
    import_side.wrap_validation = Failing(RuntimeError("no luck"), times=99)

    report = await import_side.import_file("notes.csv", csv_of(5))

    (dead,) = report.dead_events
    assert (dead.attempts, dead.error) == (2, "RuntimeError: no luck")
    assert report.file.status is S.FAILED
    assert f"headrace events replay {dead.event_id}" in (report.file.error or "")


async def test_a_replayed_event_lets_the_import_go_on_to_its_end(import_side: ImportSide) -> None:
    import_side.limits = FEW_ATTEMPTS
    import_side.wrap_validation = Failing(RuntimeError("no luck"), times=2)
    report = await import_side.import_file("notes.csv", csv_of(5))
    await import_side.metadata.journal.replay(report.dead_events[0].event_id)

    async with import_side.conducted():
        again = await import_side.finished(report.file.file_id)

    assert (again.file.status, again.file.error) == (S.COMPLETED, None)
    assert again.ledger.indexed == 5


async def test_an_outage_of_a_store_never_kills_an_event(import_side: ImportSide) -> None:
    import_side.limits = replace(FEW_ATTEMPTS, event_attempts=1)
    failing = Failing(StoreUnavailableError("away"), times=1)
    import_side.wrap_validation = failing

    report = await import_side.import_file("notes.csv", csv_of(5))

    assert (report.file.status, failing.calls) == (S.COMPLETED, 2)


async def test_old_events_are_pruned_by_the_conductor(import_side: ImportSide) -> None:
    import_side.limits = replace(FEW_ATTEMPTS, event_retention_seconds=1e-6)
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(5))
        await import_side.finished(file_id)
        await settled(import_side, file_id)

    async with import_side.conducted(), asyncio.timeout(10):
        while await log_of(import_side):
            await import_side.metadata.events.wait(timeout_seconds=0.05)


async def test_a_file_that_nothing_would_move_on_fails_with_a_sentence(
    import_side: ImportSide,
) -> None:
    file_id = await import_side.upload("notes.csv", csv_of(5))
    (entry,) = await import_side.metadata.events.claim(limit=1, lease_seconds=60)
    await import_side.metadata.events.handled(entry.entry_id)

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert "nothing was left that would move this file on" in (report.file.error or "")


class StuckIndex(InterruptibleIndex):
    """A writer that is behind: nothing that is handed to it ends until the test lets it."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.may_write = asyncio.Event()

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await self.may_write.wait()
        await super().upsert(chunks)


async def until_in_flight(side: ImportSide, count: int, waiting: int) -> None:
    async with asyncio.timeout(30):
        while True:
            state = await side.metadata.queue.state()
            if (state.in_flight, sum(state.waiting.values())) == (count, waiting):
                return
            await side.metadata.events.wait(timeout_seconds=0.05)


async def test_no_more_files_are_claimed_while_the_index_writer_is_behind(
    import_side: ImportSide,
) -> None:
    index = StuckIndex(dimension=import_side.embedder.dimension)
    import_side.index = index
    bulk = ImportOptions(priority=Priority.BULK)
    files = [await import_side.upload(f"{n}.csv", csv_of(2), bulk) for n in range(8)]
    async with import_side.conducted():
        await until_in_flight(import_side, 4, waiting=4)
        await import_side.upload("urgent.csv", csv_of(2))
        await until_in_flight(import_side, 5, waiting=4)
        index.may_write.set()
        reports = [await import_side.finished(file_id) for file_id in files]

    assert {report.file.status for report in reports} == {S.COMPLETED}


async def test_old_queries_are_forgotten_by_the_conductor(import_side: ImportSide) -> None:
    import_side.limits = replace(FEW_ATTEMPTS, history_retention_seconds=1e-6)
    history = import_side.metadata.history
    asked = HistoryEntry("pump", None, (), 1, 5, cached=False, asked_at=datetime.now(UTC))
    await history.append([asked])

    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    async with import_side.conducted(), asyncio.timeout(10):
        while await history.view(HistoryView.TOP, since=long_ago, limit=1):
            await import_side.metadata.events.wait(timeout_seconds=0.05)
