"""Contract of the work queue: whose turn it is, and which clock says so."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg
import pytest

from domain.models.files import Priority, ProcessingStatus
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import a_claim, a_queued_file, an_upload

S = ProcessingStatus
EXPLAIN_FILES = 3_000


async def queued(store: MetadataStore, source: str, count: int = 1) -> list[FileId]:
    return [await a_queued_file(store, source_type=source) for _ in range(count)]


async def claimed(store: MetadataStore, limit: int, only: Priority | None = None) -> list[FileId]:
    claims = await store.queue.claim("worker", limit=limit, lease_seconds=60, only=only)
    return [claim.file_id for claim in claims]


async def test_sources_are_served_in_turn_within_one_claim(metadata_store: MetadataStore) -> None:
    slack = await queued(metadata_store, "slack", 3)
    gong = await queued(metadata_store, "gong", 2)
    assert await claimed(metadata_store, 5) == [slack[0], gong[0], slack[1], gong[1], slack[2]]


async def test_sources_are_served_in_turn_from_claim_to_claim(
    metadata_store: MetadataStore,
) -> None:
    slack = await queued(metadata_store, "slack", 4)
    (gong,) = await queued(metadata_store, "gong")
    (csv,) = await queued(metadata_store, "csv")
    turns = [(await claimed(metadata_store, 1))[0] for _ in range(4)]
    assert turns == [slack[0], gong, csv, slack[1]]


async def test_a_source_that_comes_late_is_served_before_the_next_of_a_busy_one(
    metadata_store: MetadataStore,
) -> None:
    await queued(metadata_store, "slack", 5)
    await claimed(metadata_store, 3)
    (gong,) = await queued(metadata_store, "gong")
    assert await claimed(metadata_store, 1) == [gong]


async def test_concurrent_claimers_starve_no_source(metadata_store: MetadataStore) -> None:
    slack = await queued(metadata_store, "slack", 24)
    (gong,) = await queued(metadata_store, "gong")
    order: list[FileId] = []

    async def work(worker: int) -> None:
        for _ in range(4):
            for claim in await metadata_store.queue.claim(
                f"worker-{worker}", limit=1, lease_seconds=60
            ):
                order.append(claim.file_id)

    await asyncio.gather(*(work(number) for number in range(4)))
    assert max(Counter(order).values()) == 1
    assert gong in order[:8]
    assert set(order) <= {gong, *slack}


async def test_interactive_files_come_before_bulk_of_any_source(
    metadata_store: MetadataStore,
) -> None:
    bulk = await a_queued_file(metadata_store, source_type="slack", priority=Priority.BULK)
    later = await a_queued_file(metadata_store, source_type="slack")
    latest = await a_queued_file(metadata_store, source_type="gong")
    assert await claimed(metadata_store, 3) == [later, latest, bulk]


async def test_a_claim_may_be_for_interactive_files_only(metadata_store: MetadataStore) -> None:
    await a_queued_file(metadata_store, priority=Priority.BULK)
    interactive = await a_queued_file(metadata_store)
    assert await claimed(metadata_store, 5, Priority.INTERACTIVE) == [interactive]


async def test_what_was_begun_and_lost_is_claimed_before_what_waits(
    metadata_store: MetadataStore,
) -> None:
    begun = await a_claim(metadata_store, lease_seconds=0, source_type="slack")
    (waiting,) = await queued(metadata_store, "gong")
    assert await claimed(metadata_store, 2) == [begun.file_id, waiting]


async def test_events_of_interactive_files_come_before_those_of_bulk(
    metadata_store: MetadataStore,
) -> None:
    bulk = await metadata_store.files.create(an_upload(priority=Priority.BULK))
    interactive = await metadata_store.files.create(an_upload())
    entries = await metadata_store.events.claim(limit=2, lease_seconds=60)
    assert [entry.event.file_id for entry in entries] == [interactive.file_id, bulk.file_id]


async def test_the_priority_is_kept_and_shown(metadata_store: MetadataStore) -> None:
    upload = an_upload(priority=Priority.BULK)
    await metadata_store.files.create(upload)
    report = await metadata_store.files.get(upload.file_id)
    assert report.file.priority is Priority.BULK


async def test_the_state_counts_what_waits_and_what_is_worked_on(
    metadata_store: MetadataStore,
) -> None:
    await a_claim(metadata_store)
    await a_queued_file(metadata_store, priority=Priority.BULK)
    await metadata_store.files.create(an_upload())
    state = await metadata_store.queue.state()
    assert (state.depth, state.in_flight) == (3, 1)
    assert state.waiting == {Priority.INTERACTIVE: 0, Priority.BULK: 1}
    assert state.oldest_seconds is not None
    assert 0 <= state.oldest_seconds < 60


async def test_an_empty_queue_has_no_oldest(metadata_store: MetadataStore) -> None:
    assert (await metadata_store.queue.state()).oldest_seconds is None


async def test_a_lease_from_before_the_clock_was_put_back_is_void(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    old = await a_claim(metadata_store)
    await execute(
        postgres_dsn,
        "UPDATE file_imports SET leased_at = leased_at + interval '1 hour',"
        " acquired_until = acquired_until + interval '1 hour'",
    )
    (new,) = await metadata_store.queue.claim("other", limit=1, lease_seconds=60)
    assert (new.file_id, new.attempt) == (old.file_id, old.attempt + 1)


async def test_an_event_from_before_the_clock_was_put_back_is_due(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    await metadata_store.files.create(an_upload())
    await metadata_store.events.claim(limit=1, lease_seconds=60)
    await execute(
        postgres_dsn,
        "UPDATE outbox SET timed_at = timed_at + interval '1 hour',"
        " due_at = due_at + interval '1 hour', leased_until = leased_until + interval '1 hour'",
    )
    assert len(await metadata_store.events.claim(limit=1, lease_seconds=60)) == 1


async def test_the_heartbeat_counts_by_the_databases_clock(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    claim = await a_claim(metadata_store)
    await execute(postgres_dsn, "UPDATE file_imports SET acquired_until = '2001-01-01Z'")
    await metadata_store.queue.extend([claim], lease_seconds=60)
    seconds_left = await fetchval(
        postgres_dsn, "SELECT extract(epoch FROM acquired_until - now())::float8 FROM file_imports"
    )
    assert 30 < seconds_left <= 60


async def test_a_claim_reads_indexes_and_not_the_whole_queue(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    from actors.adapters.postgres.queue import CLAIM

    await execute(
        postgres_dsn,
        "INSERT INTO file_imports (filename, source_type, file_size, sha256, processing_status)"
        f" SELECT 'a', 's' || n % 3, 1, '', 'queued' FROM generate_series(1, {EXPLAIN_FILES}) AS n",
    )
    await execute(postgres_dsn, "ANALYZE file_imports")
    connection = await asyncpg.connect(postgres_dsn)
    try:
        # As the driver's prepared statement is planned when it has been used a few times.
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE claim (text, int, interval, smallint) AS {CLAIM}")
        rows = await connection.fetch(
            "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE claim('worker', 4, '60 s', NULL)"
        )
    finally:
        await connection.close()
    plan = "\n".join(row[0] for row in rows)
    assert "idx_file_imports_waiting" in plan
    assert "Seq Scan on file_imports" not in plan


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def fetchval(dsn: str, statement: str) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        return float(await connection.fetchval(statement))
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "module", ["queue", "leases", "events", "outbox", "dead_events", "journal"]
)
def test_no_lease_depends_on_a_clock_of_this_process(module: str) -> None:
    import ast
    from pathlib import Path

    import actors.adapters.postgres as package

    source = Path(package.__path__[0], f"{module}.py").read_text("utf-8")
    read = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    assert read.isdisjoint({"now", "utcnow", "time", "monotonic", "today"})
