"""Contract of the metadata store: files, their statuses, runs and removal."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from domain.errors import (
    ConflictError,
    InvalidUploadError,
    LeaseLostError,
    NotFoundError,
)
from domain.ledger import Ledger
from domain.models.events import FileProcessed, FileUploaded
from domain.models.files import ImportOptions, ProcessingStatus
from domain.models.ids import FileId
from domain.models.records import Place, RejectedItem
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import (
    a_claim,
    a_queued_file,
    a_record,
    an_upload,
    finish,
    imported,
    remove_all,
)

S = ProcessingStatus


async def test_a_created_file_comes_back_as_it_was_given(metadata_store: MetadataStore) -> None:
    options = ImportOptions(source="crm", text_columns=("a", "b"), id_column="id")
    upload = an_upload("ü" * 300 + ".csv", options=options)
    created = await metadata_store.files.create(upload)
    report = await metadata_store.files.get(upload.file_id)
    assert report.file == created
    assert (created.filename, created.options, created.status, created.run) == (
        upload.filename,
        options,
        S.PENDING,
        1,
    )


async def test_creating_a_file_announces_it_once(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)
    await metadata_store.files.create(upload)
    entries = await metadata_store.events.claim(limit=10, lease_seconds=60)
    assert [entry.event for entry in entries] == [
        FileUploaded(upload.file_id, upload.filename, upload.source_type)
    ]


async def test_a_nul_in_a_filename_is_replaced(metadata_store: MetadataStore) -> None:
    created = await metadata_store.files.create(an_upload("a\x00b\ud800.csv"))
    assert created.filename == "a\ufffdb\ufffd.csv"


async def test_a_source_name_that_is_too_long_is_refused(metadata_store: MetadataStore) -> None:
    with pytest.raises(InvalidUploadError, match="at most 50"):
        await metadata_store.files.create(an_upload(source_type="s" * 51))


async def test_an_unknown_file_is_not_found(metadata_store: MetadataStore) -> None:
    with pytest.raises(NotFoundError):
        await metadata_store.files.get(FileId(uuid4()))


async def test_files_are_listed_newest_first_in_pages(metadata_store: MetadataStore) -> None:
    ids = [(await metadata_store.files.create(an_upload())).file_id for _ in range(3)]
    first = await metadata_store.files.list(limit=2)
    rest = await metadata_store.files.list(before=first[-1].file.uploaded_at)
    assert [report.file.file_id for report in [*first, *rest]] == ids[::-1]


async def test_files_are_listed_by_status(metadata_store: MetadataStore) -> None:
    await metadata_store.files.create(an_upload())
    queued = await a_queued_file(metadata_store)
    listed = await metadata_store.files.list(status=S.QUEUED)
    assert [report.file.file_id for report in listed] == [queued]


async def test_what_validation_found_is_kept(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)
    await metadata_store.files.describe(
        upload.file_id, source_type="slack", parser="slack-1", metadata={"a": ["\x00", 1]}
    )
    file = (await metadata_store.files.get(upload.file_id)).file
    assert (file.source_type, file.parser, file.metadata) == (
        "slack",
        "slack-1",
        {"a": ["\ufffd", 1]},
    )


async def test_a_transition_that_a_files_life_does_not_allow_is_refused(
    metadata_store: MetadataStore,
) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)
    with pytest.raises(ConflictError):
        await metadata_store.files.transition(upload.file_id, S.COMPLETED)


async def test_moving_to_the_present_status_writes_no_event(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    event = FileProcessed(claim.file_id, 1, 0.5)
    for _ in range(2):
        await metadata_store.files.transition(claim.file_id, S.INDEXING, claim=claim, event=event)
    (uploaded,) = await metadata_store.events.claim(limit=10, lease_seconds=60)
    await metadata_store.events.handled(uploaded.entry_id)
    (entry,) = await metadata_store.events.claim(limit=10, lease_seconds=60)
    await metadata_store.events.handled(entry.entry_id)
    assert entry.event == event
    assert await metadata_store.events.claim(limit=10, lease_seconds=60) == []


async def test_a_run_is_timed_from_its_first_processing_to_its_end(
    metadata_store: MetadataStore,
) -> None:
    claim = await imported(metadata_store, a_record())
    file = (await metadata_store.files.get(claim.file_id)).file
    assert file.started_at is not None
    assert file.completed_at is not None
    assert file.uploaded_at <= file.started_at <= file.completed_at


async def test_a_lost_claim_cannot_move_the_file(metadata_store: MetadataStore) -> None:
    old = await a_claim(metadata_store, lease_seconds=0)
    await metadata_store.queue.claim("other", limit=1, lease_seconds=60)
    with pytest.raises(LeaseLostError):
        await metadata_store.files.transition(old.file_id, S.FAILED, claim=old, error="no")


async def test_a_failure_keeps_its_reason(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    failed = await metadata_store.files.transition(
        claim.file_id, S.FAILED, claim=claim, error="not a zip\x00"
    )
    assert failed.error == "not a zip\ufffd"


async def test_restarting_begins_a_run_without_slices_errors_or_dead_letters(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    rejected = [RejectedItem("broken", Place(0, 5), b"\x00\xff")]
    await metadata_store.slices.complete(claim, 0, Ledger(read=1, failed=1), rejected)
    await metadata_store.files.transition(claim.file_id, S.FAILED, claim=claim, error="why")
    restarted = await metadata_store.files.restart(claim.file_id)
    report = await metadata_store.files.get(claim.file_id)
    assert (restarted.run, restarted.status, restarted.error) == (2, S.PENDING, None)
    assert await metadata_store.files.dead_letters(claim.file_id) == []
    assert await metadata_store.slices.pending(claim.file_id) == []
    assert report.ledger == Ledger()


async def test_an_unfinished_file_cannot_be_restarted(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    with pytest.raises(ConflictError):
        await metadata_store.files.restart(claim.file_id)


async def test_a_forgotten_file_is_gone(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)
    await metadata_store.files.transition(upload.file_id, S.DELETING)
    await metadata_store.files.forget(upload.file_id)
    with pytest.raises(NotFoundError):
        await metadata_store.files.get(upload.file_id)


@pytest.mark.parametrize(("files", "is_unused"), [(1, True), (2, False)])
async def test_an_object_is_reclaimed_only_when_no_other_file_stands_on_it(
    metadata_store: MetadataStore, files: int, is_unused: bool
) -> None:
    uploads = [an_upload(object_name="kept") for _ in range(files)]
    for upload in uploads:
        await metadata_store.files.create(upload)
    key, file_id = uploads[0].stored.key, uploads[0].file_id
    async with metadata_store.files.reclaiming(key, besides=file_id) as answer:
        assert answer is is_unused


async def test_no_file_can_begin_to_stand_on_an_object_that_is_being_reclaimed(
    metadata_store: MetadataStore,
) -> None:
    upload = an_upload(object_name="going")
    async with metadata_store.files.reclaiming(upload.stored.key, besides=upload.file_id):
        creating = asyncio.create_task(metadata_store.files.create(upload))
        done, _ = await asyncio.wait({creating}, timeout=0.2)
        assert not done
    await creating


async def test_a_file_with_records_is_not_forgotten(metadata_store: MetadataStore) -> None:
    claim = await imported(metadata_store, a_record())
    await metadata_store.files.transition(claim.file_id, S.DELETING)
    with pytest.raises(ConflictError):
        await metadata_store.files.forget(claim.file_id)
    await remove_all(metadata_store, claim.file_id)
    await metadata_store.files.forget(claim.file_id)
    assert await metadata_store.records.count() == 0


async def test_totals_sum_up_every_file_that_is_not_deleted(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1"), a_record("2"))
    await a_queued_file(metadata_store)
    deleted = await a_claim(metadata_store)
    await finish(metadata_store, deleted, Ledger(read=1, dropped={"empty": 1}))
    await metadata_store.files.transition(deleted.file_id, S.DELETING)
    totals = await metadata_store.files.totals()
    assert totals.ledger == Ledger(read=2, indexed=2)
    assert totals.chunks == 2
    assert totals.files[S.COMPLETED] == 1
