"""Imports pause while a store is away, go on by themselves, and lose and fail nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest

from actors.adapters.memory.clock import FakeClock
from actors.adapters.postgres.queue import PostgresWorkQueue
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.breakers import Breakers, Dependency
from actors.guarded import guard_index_writes, guard_metadata, guard_objects
from actors.settings import BreakerSettings
from domain.breaker import BreakerState
from domain.errors import RetryableError, StoreUnavailableError
from domain.models.files import Claim, FileReport, ProcessingStatus
from domain.models.ids import FileId
from pipelines.breaker_pause import IMPORTS_NEED, BreakerPause
from pipelines.conductor import ConductorLimits, ImportWorkers, NoPause
from tests.failing import Away, FailingDatabase, FailingIndex, FailingObjects
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of

if TYPE_CHECKING:
    from collections.abc import Sequence

OPEN = BreakerState.OPEN


async def no_sleep(seconds: float) -> None: ...


@dataclass
class Outage:
    """An import side whose stores can be away, and the time that its breakers see."""

    side: ImportSide
    breakers: Breakers
    clock: FakeClock
    away: dict[Dependency, Away]

    async def opened(self, dependency: Dependency) -> None:
        async with asyncio.timeout(20):
            while self.breakers[dependency].state is not OPEN:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def ends(self, dependency: Dependency) -> None:
        self.away[dependency].now = False
        self.clock.advance(60)


@pytest.fixture
async def outage(postgres_dsn: str) -> AsyncIterator[Outage]:
    clock = FakeClock()
    breakers = Breakers(clock, BreakerSettings(failure_threshold=1), sleep=no_sleep)
    database = await FailingDatabase.open(
        postgres_dsn, pool_max_size=6, statement_timeout_seconds=30
    )
    assert isinstance(database, FailingDatabase)
    store, objects, embedder = (
        PostgresMetadataStore(database, listen_dsn=postgres_dsn),
        FailingObjects(),
        CountingEmbedder(),
    )
    index = FailingIndex(dimension=embedder.dimension)
    away = {
        Dependency.POSTGRES: database.away,
        Dependency.OBJECTS: objects.away,
        Dependency.INDEX_WRITES: index.away,
    }
    side = ImportSide(
        guard_metadata(store, breakers),
        guard_objects(objects, breakers),
        guard_index_writes(index, breakers),
        embedder,
        pause=BreakerPause(breakers),
    )
    yield Outage(side, breakers, clock, away)
    await store.close()


def summary(report: FileReport) -> tuple[ProcessingStatus, int, str | None]:
    return report.file.status, report.ledger.indexed, report.file.error


@pytest.mark.parametrize("dependency", IMPORTS_NEED)
async def test_an_import_goes_on_when_what_was_away_is_back(
    outage: Outage, dependency: Dependency
) -> None:
    side = outage.side
    file_id = await side.upload("rows.csv", csv_of(30))
    outage.away[dependency].now = True
    async with side.conducted():
        await outage.opened(dependency)
        outage.ends(dependency)
        report = await side.finished(file_id)
    assert summary(report) == (ProcessingStatus.COMPLETED, 30, None)
    assert await side.problems() == []


async def test_an_outage_in_the_middle_of_an_import_loses_nothing(outage: Outage) -> None:
    side = outage.side
    file_id = await side.upload("rows.csv", csv_of(60))
    index_away = outage.away[Dependency.INDEX_WRITES]
    async with side.conducted():
        async with asyncio.timeout(20):
            while index_away.calls < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        index_away.now = True
        await outage.opened(Dependency.INDEX_WRITES)
        outage.ends(Dependency.INDEX_WRITES)
        report = await side.finished(file_id)
    assert summary(report) == (ProcessingStatus.COMPLETED, 60, None)
    assert await side.problems() == []


class EndingPause(NoPause):
    def __init__(self) -> None:
        self.asked, self.end = asyncio.Semaphore(0), asyncio.Event()

    async def over(self, after: RetryableError | None = None) -> None:
        self.asked.release()
        await self.end.wait()


async def test_no_work_begins_while_a_store_is_away(import_side: ImportSide) -> None:
    pause = import_side.pause = EndingPause()
    file_id = await import_side.upload("rows.csv", csv_of(3))
    async with import_side.conducted():
        for _ in ("events", "files"):
            await pause.asked.acquire()
        waiting = await import_side.metadata.files.get(file_id)
        pause.end.set()
        report = await import_side.finished(file_id)
    assert waiting.file.status is ProcessingStatus.PENDING
    assert report.file.status is ProcessingStatus.COMPLETED


class Confused:
    """A planner with a mistake in it."""

    async def plan_file(self, file_id: FileId) -> None:
        raise RuntimeError("a mistake")


async def test_an_event_does_not_use_up_its_attempts_while_a_store_is_away(
    import_side: ImportSide, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await import_side.upload("rows.csv", csv_of(3))
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("UPDATE outbox SET attempts = 50")  # as after a long outage
    monkeypatch.setattr(import_side, "planner", Confused)
    async with import_side.conducted(), asyncio.timeout(20):
        while not await connection.fetchval("SELECT error FROM outbox"):
            await import_side.metadata.events.wait(timeout_seconds=0.02)
    await connection.close()
    status = (await import_side.metadata.files.get(file_id)).file.status
    assert status is ProcessingStatus.PENDING


class NoHeartbeat(PostgresWorkQueue):
    async def extend(self, claims: Sequence[Claim], *, lease_seconds: float) -> Sequence[Claim]:
        raise StoreUnavailableError("the network is down")


class StuckOnce:
    """Workers whose first import never ends."""

    def __init__(self, workers: ImportWorkers) -> None:
        self._workers = workers
        self.attempts: list[int] = []

    async def import_file(self, claim: Claim) -> None:
        self.attempts.append(claim.attempt)
        if len(self.attempts) == 1:
            await asyncio.Future()
        await self._workers.import_file(claim)


async def test_a_lease_that_ran_out_meanwhile_leaves_one_import_of_the_file(
    import_side: ImportSide, metadata_store: PostgresMetadataStore
) -> None:
    stuck: list[StuckOnce] = []

    def stick(workers: ImportWorkers) -> ImportWorkers:
        stuck.append(StuckOnce(workers))
        return stuck[0]

    metadata_store.queue = NoHeartbeat(metadata_store._database)
    import_side.limits = ConductorLimits(files_in_flight=4, lease_seconds=0.1)
    import_side.wrap_workers = stick
    report = await import_side.import_file("rows.csv", csv_of(3))
    assert summary(report) == (ProcessingStatus.COMPLETED, 3, None)
    assert stuck[0].attempts[0] == 1 < stuck[0].attempts[-1]
