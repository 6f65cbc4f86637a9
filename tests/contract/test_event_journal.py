"""Contract of the event journal: the log, the dead events and their replay."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from domain.errors import ConflictError, NotFoundError
from domain.models.events import EventState, FileProcessed, FileUploaded, IndexingCompleted
from domain.models.files import ProcessingStatus
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import a_claim, an_upload

S = ProcessingStatus


async def an_uploaded_file(store: MetadataStore) -> FileId:
    upload = an_upload()
    await store.files.create(upload)
    return upload.file_id


async def a_dead_event(store: MetadataStore) -> int:
    """The ``file_uploaded`` of a new file, given up."""
    await an_uploaded_file(store)
    (entry,) = await store.events.claim(limit=1, lease_seconds=60)
    await store.events.failed(entry.entry_id, error="it broke", retry_in_seconds=None)
    return entry.entry_id


async def status_of(store: MetadataStore, file_id: FileId) -> S:
    return (await store.files.get(file_id)).file.status


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (lambda id: FileUploaded(id, "a.csv", "csv"), {"filename": "a.csv", "source_type": "csv"}),
        (lambda id: FileProcessed(id, 3, 0.5), {"record_count": 3, "processing_time": 0.5}),
        (lambda id: IndexingCompleted(id, 7), {"vector_count": 7}),
    ],
    ids=["file_uploaded", "file_processed", "indexing_completed"],
)
async def test_payloads_are_stored_as_specified(
    metadata_store: MetadataStore, postgres_dsn: str, event: Any, payload: dict[str, Any]
) -> None:
    import orjson

    claim = await a_claim(metadata_store)
    await metadata_store.files.transition(
        claim.file_id, S.INDEXING, claim=claim, event=event(claim.file_id)
    )
    connection = await asyncpg.connect(postgres_dsn)
    stored = await connection.fetchval("SELECT payload FROM outbox ORDER BY id DESC LIMIT 1")
    await connection.close()
    assert orjson.loads(stored) == {"file_id": str(claim.file_id), **payload}


async def test_the_log_is_read_in_pages(metadata_store: MetadataStore) -> None:
    files = [await an_uploaded_file(metadata_store) for _ in range(3)]
    first = await metadata_store.journal.after(0, limit=2)
    rest = await metadata_store.journal.after(first[-1].event_id, limit=2)
    assert [one.event.file_id for one in [*first, *rest]] == files


async def test_the_latest_events_come_oldest_first(metadata_store: MetadataStore) -> None:
    files = [await an_uploaded_file(metadata_store) for _ in range(3)]
    latest = await metadata_store.journal.latest(limit=2)
    assert [one.event.file_id for one in latest] == files[1:]


async def test_the_log_of_one_file_leaves_the_others_out(metadata_store: MetadataStore) -> None:
    wanted, _ = [await an_uploaded_file(metadata_store) for _ in range(2)]
    journal = metadata_store.journal
    pages = [
        await journal.after(0, limit=9, file_id=wanted),
        await journal.latest(limit=9, file_id=wanted),
    ]
    assert [[one.event.file_id for one in page] for page in pages] == [[wanted], [wanted]]


async def test_a_handled_event_stays_in_the_log(metadata_store: MetadataStore) -> None:
    await an_uploaded_file(metadata_store)
    (entry,) = await metadata_store.events.claim(limit=1, lease_seconds=60)
    await metadata_store.events.handled(entry.entry_id)
    (logged,) = await metadata_store.journal.latest(limit=9)
    assert (logged.event_id, logged.state) == (entry.entry_id, EventState.HANDLED)
    assert logged.ended_at is not None


async def test_a_dead_event_stays_in_the_log_with_its_error(metadata_store: MetadataStore) -> None:
    event_id = await a_dead_event(metadata_store)
    (logged,) = await metadata_store.journal.latest(limit=9)
    assert (logged.event_id, logged.state) == (event_id, EventState.DEAD)
    assert (logged.error, logged.attempts) == ("it broke", 1)


async def test_a_file_whose_event_died_has_failed_and_says_what_to_do(
    metadata_store: MetadataStore,
) -> None:
    event_id = await a_dead_event(metadata_store)
    (report,) = await metadata_store.files.list()
    assert report.file.status is S.FAILED
    assert f"headrace events replay {event_id}" in (report.file.error or "")
    assert [one.event_id for one in report.dead_events] == [event_id]


async def test_a_finished_file_stays_so_when_its_last_event_dies(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await metadata_store.files.transition(claim.file_id, S.INDEXING, claim=claim)
    event = IndexingCompleted(claim.file_id, 1)
    await metadata_store.files.transition(claim.file_id, S.COMPLETED, event=event)
    (uploaded,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    await metadata_store.events.handled(uploaded.entry_id)
    (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=60)

    await metadata_store.events.failed(entry.entry_id, error="no", retry_in_seconds=None)

    assert await status_of(metadata_store, claim.file_id) is S.COMPLETED
    assert len(await metadata_store.journal.dead(limit=9)) == 1


async def test_a_replayed_event_comes_again_and_its_file_waits_for_it(
    metadata_store: MetadataStore,
) -> None:
    event_id = await a_dead_event(metadata_store)
    replayed = await metadata_store.journal.replay(event_id)
    (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    assert (replayed.state, entry.entry_id, entry.attempt) == (EventState.PENDING, event_id, 1)
    assert await status_of(metadata_store, entry.event.file_id) is S.PENDING
    assert await metadata_store.journal.dead(limit=9) == []


async def test_a_file_that_was_imported_goes_on_from_there_after_a_replay(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    (uploaded,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    await metadata_store.events.handled(uploaded.entry_id)
    processed = FileProcessed(claim.file_id, 1, 0.1)
    await metadata_store.files.transition(claim.file_id, S.INDEXING, claim=claim, event=processed)
    (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    await metadata_store.events.failed(entry.entry_id, error="no", retry_in_seconds=None)

    await metadata_store.journal.replay(entry.entry_id)

    report = await metadata_store.files.get(claim.file_id)
    assert (report.file.status, report.file.error) == (S.INDEXING, None)


async def test_only_a_dead_event_can_be_replayed(metadata_store: MetadataStore) -> None:
    await an_uploaded_file(metadata_store)
    (pending,) = await metadata_store.journal.latest(limit=1)
    with pytest.raises(ConflictError, match="only a dead event"):
        await metadata_store.journal.replay(pending.event_id)
    with pytest.raises(NotFoundError):
        await metadata_store.journal.replay(pending.event_id + 1)


async def test_an_event_of_a_file_that_is_being_deleted_is_not_replayed(
    metadata_store: MetadataStore,
) -> None:
    event_id = await a_dead_event(metadata_store)
    (report,) = await metadata_store.files.list()
    await metadata_store.files.transition(report.file.file_id, S.DELETING)
    with pytest.raises(ConflictError, match="being deleted"):
        await metadata_store.journal.replay(event_id)


async def test_reading_a_file_again_forgets_the_dead_events_of_the_run_before(
    metadata_store: MetadataStore,
) -> None:
    await a_dead_event(metadata_store)
    (report,) = await metadata_store.files.list()
    await metadata_store.files.restart(report.file.file_id)
    assert (await metadata_store.files.get(report.file.file_id)).dead_events == ()


async def test_only_what_was_handled_long_ago_is_pruned(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    dead = await a_dead_event(metadata_store)
    for _ in range(3):
        await an_uploaded_file(metadata_store)
    for entry in await metadata_store.events.claim(limit=2, lease_seconds=60):
        await metadata_store.events.handled(entry.entry_id)
    old, recent, pending = [one.event_id for one in await metadata_store.journal.latest(limit=3)]
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(
        "UPDATE outbox SET handled_at = now() - interval '2 days' WHERE id = $1", old
    )
    await connection.close()

    assert await metadata_store.journal.prune(older_than_seconds=86_400, limit=9) == 1

    left = [one.event_id for one in await metadata_store.journal.after(0, limit=9)]
    assert left == [dead, recent, pending]


async def test_pruning_takes_no_more_than_it_is_told(metadata_store: MetadataStore) -> None:
    for _ in range(3):
        await an_uploaded_file(metadata_store)
    for entry in await metadata_store.events.claim(limit=3, lease_seconds=60):
        await metadata_store.events.handled(entry.entry_id)
    pruned = [await metadata_store.journal.prune(older_than_seconds=0, limit=2) for _ in range(3)]
    assert pruned == [2, 1, 0]


async def test_the_counts_tell_what_waits_and_what_is_dead(metadata_store: MetadataStore) -> None:
    await a_dead_event(metadata_store)
    await an_uploaded_file(metadata_store)
    counts = await metadata_store.journal.counts()
    assert (counts.pending, counts.dead) == (1, 1)
    assert counts.oldest_pending_seconds is not None


async def test_ids_grow_in_the_order_of_commits(metadata_store: MetadataStore) -> None:
    """Else who reads on after the last id it saw would miss an event that was committed late."""
    seen: list[int] = []
    uploads = asyncio.gather(*(an_uploaded_file(metadata_store) for _ in range(40)))
    while not uploads.done():
        page = await metadata_store.journal.after(seen[-1] if seen else 0, limit=50)
        seen.extend(one.event_id for one in page)
    await uploads
    page = await metadata_store.journal.after(seen[-1] if seen else 0, limit=50)
    seen.extend(one.event_id for one in page)

    assert seen == [one.event_id for one in await metadata_store.journal.after(0, limit=99)]
    assert len(seen) == 40


async def test_a_released_event_comes_again_at_once(metadata_store: MetadataStore) -> None:
    await an_uploaded_file(metadata_store)
    (first,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    await metadata_store.events.release()
    (again,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    assert (again.entry_id, again.attempt) == (first.entry_id, 2)


async def test_an_extended_event_is_nobody_elses(metadata_store: MetadataStore) -> None:
    await an_uploaded_file(metadata_store)
    (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=0)
    await metadata_store.events.extend([entry.entry_id], lease_seconds=60)
    assert await metadata_store.events.claim(limit=9, lease_seconds=60) == []


async def test_only_failures_by_its_own_fault_are_counted(metadata_store: MetadataStore) -> None:
    await an_uploaded_file(metadata_store)
    for by_its_fault in (False, True, False):
        (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
        await metadata_store.events.failed(
            entry.entry_id, error="no", retry_in_seconds=0, by_its_fault=by_its_fault
        )
    (entry,) = await metadata_store.events.claim(limit=9, lease_seconds=60)
    assert (entry.attempt, entry.failures) == (4, 1)


async def test_watchers_are_called_when_events_come(metadata_store: MetadataStore) -> None:
    called = asyncio.Event()
    unwatch = metadata_store.journal.watch(called.set)
    async with asyncio.timeout(10):
        await called.wait()  # the first comes once it listens
        called.clear()
        await an_uploaded_file(metadata_store)
        await called.wait()
    unwatch()
