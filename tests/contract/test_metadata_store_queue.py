"""Contract of the metadata store: leases, slices, the outbox and the history."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import pytest

from domain.errors import LeaseLostError, NotFoundError
from domain.ledger import Ledger
from domain.models.events import FileProcessed, IndexingCompleted
from domain.models.files import ProcessingStatus, Slice
from domain.models.ids import FileId
from domain.models.records import Place, RejectedItem
from domain.ports.metadata_store import MetadataStore
from domain.ports.query_history import HistoryEntry
from tests.store_builders import a_claim, a_queued_file, an_upload, confirm, stage

S = ProcessingStatus


async def test_concurrent_claims_never_overlap(metadata_store: MetadataStore) -> None:
    files = {await a_queued_file(metadata_store) for _ in range(12)}
    batches = await asyncio.gather(
        *(metadata_store.queue.claim(f"worker-{n}", limit=3, lease_seconds=60) for n in range(6))
    )
    claimed = [claim.file_id for batch in batches for claim in batch]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) <= files


async def test_the_oldest_upload_is_claimed_first(metadata_store: MetadataStore) -> None:
    files = [await a_queued_file(metadata_store) for _ in range(3)]
    claims = await metadata_store.queue.claim("worker", limit=2, lease_seconds=60)
    assert [claim.file_id for claim in claims] == files[:2]


async def test_a_leased_file_is_not_claimed_again(metadata_store: MetadataStore) -> None:
    await a_claim(metadata_store)
    assert await metadata_store.queue.claim("other", limit=1, lease_seconds=60) == []


async def test_an_expired_lease_is_taken_over_under_a_new_attempt(
    metadata_store: MetadataStore,
) -> None:
    old = await a_claim(metadata_store, lease_seconds=0)
    (new,) = await metadata_store.queue.claim("other", limit=1, lease_seconds=60)
    assert (new.file_id, new.attempt) == (old.file_id, old.attempt + 1)


async def test_an_old_claim_is_refused_everywhere(metadata_store: MetadataStore) -> None:
    old = await a_claim(metadata_store, lease_seconds=0)
    await metadata_store.queue.claim(old.owner, limit=1, lease_seconds=60)
    with pytest.raises(LeaseLostError):
        await stage(metadata_store, old)
    with pytest.raises(LeaseLostError):
        await confirm(metadata_store, old, [])
    with pytest.raises(LeaseLostError):
        await metadata_store.slices.complete(old, 0, Ledger(), [])
    with pytest.raises(LeaseLostError):
        await metadata_store.files.transition(old.file_id, S.INDEXING, claim=old)
    await metadata_store.slices.progress(old, 0, records_done=9, bytes_done=9)
    report = await metadata_store.files.get(old.file_id)
    assert report.progress.records_done == 0
    assert await metadata_store.queue.extend([old], lease_seconds=60) == []


async def test_a_heartbeat_keeps_the_lease(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store, lease_seconds=0)
    assert await metadata_store.queue.extend([claim], lease_seconds=60) == [claim]
    assert await metadata_store.queue.claim("other", limit=1, lease_seconds=60) == []


async def test_a_heartbeat_does_not_wait_for_staging(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    held, _ = await asyncio.gather(
        metadata_store.queue.extend([claim], lease_seconds=60), stage(metadata_store, claim)
    )
    assert held == [claim]


async def test_released_files_can_be_claimed_at_once(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    assert await metadata_store.queue.release(claim.owner) == 1
    (taken,) = await metadata_store.queue.claim("other", limit=1, lease_seconds=60)
    assert taken.file_id == claim.file_id


async def test_a_file_that_is_being_deleted_is_no_longer_worked_on(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await metadata_store.files.transition(claim.file_id, S.DELETING)
    with pytest.raises(LeaseLostError):
        await stage(metadata_store, claim)
    assert await metadata_store.queue.deleting(limit=10) == [claim.file_id]
    assert await metadata_store.queue.depth() == 0


async def test_the_depth_counts_unfinished_files(metadata_store: MetadataStore) -> None:
    await metadata_store.files.create(an_upload())
    await a_claim(metadata_store)
    assert await metadata_store.queue.depth() == 2


async def test_a_file_whose_events_are_all_handled_but_waits_is_stalled(
    metadata_store: MetadataStore,
) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)
    assert await metadata_store.queue.stalled(limit=10) == []
    (entry,) = await metadata_store.events.claim(limit=1, lease_seconds=60)
    await metadata_store.events.handled(entry.entry_id)
    assert await metadata_store.queue.stalled(limit=10) == [upload.file_id]


async def test_slices_come_back_as_the_parser_cut_them(metadata_store: MetadataStore) -> None:
    file_id = await a_queued_file(metadata_store, slices=0)
    slices = [
        Slice(0, 0, 10, size_bytes=10, context={"delimiter": "\x00", "header": ["ä", "\ud800"]}),
        Slice(1, members=("a\udcff.json", 'b"\\{},.json'), size_bytes=2**40),
    ]
    await metadata_store.slices.plan(file_id, slices)
    assert await metadata_store.slices.pending(file_id) == slices


async def test_planning_again_leaves_completed_slices_completed(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store, slices=2)
    await metadata_store.slices.complete(claim, 0, Ledger(), [])
    await metadata_store.slices.plan(claim.file_id, [Slice(0), Slice(1)])
    assert [part.number for part in await metadata_store.slices.pending(claim.file_id)] == [1]


async def test_a_slice_completed_twice_counts_once(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    ledger = Ledger(read=3, indexed=1, dropped={"empty": 1}, failed=1)
    rejected = [RejectedItem("broken\x00", Place(1, 2, "m"), b"\x00raw")]
    for _ in range(2):
        await metadata_store.slices.complete(claim, 0, ledger, rejected)
    report = await metadata_store.files.get(claim.file_id)
    (letter,) = await metadata_store.files.dead_letters(claim.file_id)
    assert report.ledger == ledger
    assert (letter.place, letter.error, letter.raw) == ("m:1-2", "broken\ufffd", b"\x00raw")


async def test_a_ledger_that_does_not_balance_is_refused(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    with pytest.raises(ValueError, match="does not balance"):
        await metadata_store.slices.complete(claim, 0, Ledger(read=1), [])


async def test_a_file_without_slices_has_an_empty_ledger_and_one_that_is_not_there_no_row(
    metadata_store: MetadataStore,
) -> None:
    file_id = FileId(uuid4())
    assert await metadata_store.slices.ledger(file_id) == Ledger()
    with pytest.raises(NotFoundError):
        await metadata_store.files.find(file_id)


async def test_slices_add_up_to_the_files_ledger_and_progress(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store, slices=4)
    done = Ledger(read=3, indexed=1, dropped={"empty": 2})
    await metadata_store.slices.complete(claim, 0, done, [])
    await metadata_store.slices.complete(claim, 1, done, [])
    await metadata_store.slices.progress(claim, 2, records_done=4, bytes_done=40)
    report = await metadata_store.files.get(claim.file_id)
    assert report.ledger == await metadata_store.slices.ledger(claim.file_id) == done + done
    assert report.file == await metadata_store.files.find(claim.file_id)
    assert (report.progress.records_done, report.progress.bytes_done) == (10, 240)
    assert report.progress.fraction == pytest.approx(0.6)
    assert report.progress.eta_seconds is not None
    assert report.progress.records_per_second is not None


async def test_events_of_one_file_come_in_order_one_at_a_time(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    processed = FileProcessed(claim.file_id, 1, 0.1)
    indexed = IndexingCompleted(claim.file_id, 1)
    await metadata_store.files.transition(claim.file_id, S.INDEXING, event=processed)
    await metadata_store.files.transition(claim.file_id, S.COMPLETED, event=indexed)
    names = []
    while entries := await metadata_store.events.claim(limit=10, lease_seconds=60):
        assert len(entries) == 1
        names.append(entries[0].event.name)
        await metadata_store.events.handled(entries[0].entry_id)
    assert names == ["file_uploaded", "file_processed", "indexing_completed"]


async def test_a_claimed_event_is_nobody_elses_until_its_lease_ends(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.files.create(an_upload())
    (first,) = await metadata_store.events.claim(limit=1, lease_seconds=0)
    (again,) = await metadata_store.events.claim(limit=1, lease_seconds=60)
    assert (again.entry_id, first.attempt, again.attempt) == (first.entry_id, 1, 2)
    assert await metadata_store.events.claim(limit=1, lease_seconds=60) == []


async def test_concurrent_readers_never_get_the_same_event(metadata_store: MetadataStore) -> None:
    for _ in range(8):
        await metadata_store.files.create(an_upload())
    batches = await asyncio.gather(
        *(metadata_store.events.claim(limit=3, lease_seconds=60) for _ in range(6))
    )
    ids = [entry.entry_id for batch in batches for entry in batch]
    assert len(ids) == len(set(ids))


async def test_a_failed_event_waits_for_its_time(metadata_store: MetadataStore) -> None:
    await metadata_store.files.create(an_upload())
    (entry,) = await metadata_store.events.claim(limit=1, lease_seconds=60)
    await metadata_store.events.failed(entry.entry_id, error="later", retry_in_seconds=3600)
    assert await metadata_store.events.claim(limit=1, lease_seconds=60) == []
    await metadata_store.events.failed(entry.entry_id, error="now", retry_in_seconds=0)
    assert len(await metadata_store.events.claim(limit=1, lease_seconds=60)) == 1


async def test_a_dead_event_lets_the_files_next_event_pass(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    event = FileProcessed(claim.file_id, 1, 0.1)
    await metadata_store.files.transition(claim.file_id, S.INDEXING, event=event)
    (entry,) = await metadata_store.events.claim(limit=10, lease_seconds=60)
    await metadata_store.events.failed(entry.entry_id, error="never", retry_in_seconds=None)
    (following,) = await metadata_store.events.claim(limit=10, lease_seconds=60)
    assert following.event == event


async def test_waiting_ends_when_work_is_announced(metadata_store: MetadataStore) -> None:
    await metadata_store.events.wait(timeout_seconds=10)  # the first wakes once it listens
    waiting = asyncio.create_task(metadata_store.events.wait(timeout_seconds=60))
    await metadata_store.files.create(an_upload())
    async with asyncio.timeout(10):
        await waiting


async def test_waiting_ends_when_the_time_is_up(metadata_store: MetadataStore) -> None:
    async with asyncio.timeout(10):
        for _ in range(2):
            await metadata_store.events.wait(timeout_seconds=0.01)


async def test_the_generation_grows(metadata_store: MetadataStore) -> None:
    before = await metadata_store.events.generation()
    bumped = await metadata_store.events.bump_generation()
    assert before < bumped == await metadata_store.events.generation()


async def test_questions_are_kept_with_and_without_vectors(metadata_store: MetadataStore) -> None:
    entries = [
        HistoryEntry(f"q\x00{uuid4()}", embedding, ("csv",), 3, 12, False, datetime.now(UTC))
        for embedding in (None, np.ones(384, np.float32), np.ones(1536, np.float32))
    ]
    await metadata_store.history.append(entries)
    await metadata_store.ping()
