"""Questions over all rows, and repairs that no import stands behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import IndexSwitchedError
from domain.models.files import ProcessingStatus
from domain.models.indexes import ChunkOwner, IndexPlace, Orphan
from domain.models.records import IndexedRecord
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import (
    MODEL,
    a_claim,
    a_record,
    an_upload,
    confirm,
    imported,
    stage,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENING = NOON + timedelta(hours=7)


async def owners(store: MetadataStore) -> list[ChunkOwner]:
    return [owner async for page in store.reconciliation.owners() for owner in page]


async def test_the_chunks_of_a_confirmed_record_have_to_be_there(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("1"))
    await confirm(metadata_store, claim, staged, chunks=3)

    (owner,) = await owners(metadata_store)

    assert (owner.certain, owner.model, owner.is_group) == (3, MODEL, False)
    assert owner.possible_ids() == owner.certain_ids()


async def test_the_chunks_of_a_record_in_hand_may_be_there(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "x" * 100))

    (owner,) = await owners(metadata_store)

    assert owner.certain == 0
    assert owner.possible > 1


async def test_the_chunks_of_a_file_that_is_being_deleted_may_be_gone(
    metadata_store: MetadataStore,
) -> None:
    claim = await imported(metadata_store, a_record("1"))
    await metadata_store.files.transition(claim.file_id, ProcessingStatus.DELETING)

    (owner,) = await owners(metadata_store)

    assert (owner.certain, owner.possible) == (0, 1)


async def test_a_record_is_at_rest_when_no_import_has_it(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1"))
    assert await metadata_store.reconciliation.unconfirmed_at_rest() == []

    await metadata_store.files.transition(claim.file_id, ProcessingStatus.FAILED)

    at_rest = await metadata_store.reconciliation.unconfirmed_at_rest()
    assert at_rest == [a_record("1").record_id]


async def test_a_mended_record_is_confirmed_and_keeps_its_file(
    metadata_store: MetadataStore,
) -> None:
    claim = await imported(metadata_store, a_record("1"))
    (found,) = await metadata_store.reconciliation.records_of([a_record("1").record_id])
    mended = IndexedRecord(found.stored.record_id, found.fingerprint, 4)

    async with metadata_store.reconciliation.mending([mended], model="other") as current:
        assert set(current) == {mended.record_id}

    stored = await metadata_store.records.get(mended.record_id)
    assert (stored.chunk_count, stored.embedding_model) == (4, "other")
    assert stored.file_id == claim.file_id


async def test_a_record_that_has_changed_is_not_mended(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1"))
    stale = IndexedRecord(a_record("1").record_id, "another hash", 4)

    async with metadata_store.reconciliation.mending([stale], model=MODEL) as current:
        assert set(current) == set()

    assert (await metadata_store.records.get(stale.record_id)).chunk_count == 1


async def test_who_mends_for_another_model_is_refused(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(IndexPlace(MODEL, 8, "", {}))

    with pytest.raises(IndexSwitchedError):
        async with metadata_store.reconciliation.mending([], model="other"):
            pass


async def test_records_of_another_model_than_the_index_in_use_are_named(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_record("1"))
    assert await metadata_store.reconciliation.embedded_otherwise() == []

    await metadata_store.indexes.register(IndexPlace("other", 8, "", {}))

    otherwise = await metadata_store.reconciliation.embedded_otherwise()
    assert otherwise == [a_record("1").record_id]


async def test_an_orphan_keeps_the_moment_when_it_was_first_seen(
    metadata_store: MetadataStore,
) -> None:
    note = metadata_store.reconciliation.note_orphans
    await note("chunk", ["a"], now=NOON)

    seen = await note("chunk", ["a", "b"], now=EVENING)

    assert seen == [Orphan("a", NOON), Orphan("b", EVENING)]


async def test_an_orphan_that_was_not_seen_again_begins_anew(
    metadata_store: MetadataStore,
) -> None:
    note = metadata_store.reconciliation.note_orphans
    await note("chunk", ["a"], now=NOON)
    await note("object", ["a"], now=NOON)
    await note("chunk", [], now=NOON)

    assert await note("chunk", ["a"], now=EVENING) == [Orphan("a", EVENING)]
    assert await note("object", ["a"], now=EVENING) == [Orphan("a", NOON)]


async def test_the_objects_of_all_files_are_known(metadata_store: MetadataStore) -> None:
    upload = an_upload()
    await metadata_store.files.create(upload)

    assert set(await metadata_store.reconciliation.object_keys()) == {upload.stored.key}


async def test_earlier_files_of_the_same_name_are_found_oldest_first(
    metadata_store: MetadataStore,
) -> None:
    uploads = [an_upload("a.csv"), an_upload("b.csv"), an_upload("a.csv"), an_upload("a.csv")]
    for upload in uploads:
        await metadata_store.files.create(upload)
    first, _, second, last = (upload.file_id for upload in uploads)

    assert await metadata_store.files.earlier(last) == [first, second]

    await metadata_store.files.transition(first, ProcessingStatus.DELETING)
    assert await metadata_store.files.earlier(last) == [second]
