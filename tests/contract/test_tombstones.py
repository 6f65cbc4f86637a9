"""Contract of the metadata store: records that were deleted at their source."""

from __future__ import annotations

import pytest

from domain.errors import NotFoundError
from domain.ledger import Outcome
from domain.models.records import Place, Record, Tombstone
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import MODEL, a_claim, a_record, confirm, imported, stage


def a_tombstone(version: str, native_id: str = "1") -> Record:
    of = a_record(native_id)
    return Tombstone(of.source_type, native_id, version).as_record(Place(90, 99))


async def is_there(store: MetadataStore, native_id: str = "1") -> bool:
    try:
        await store.records.get(a_record(native_id).record_id)
    except NotFoundError:
        return False
    return True


async def test_a_tombstone_takes_the_record_from_its_readers(metadata_store: MetadataStore) -> None:
    root, reply = a_record(version="1", thread="t"), a_record("2", thread="t")
    await imported(metadata_store, root, reply)
    await imported(metadata_store, a_tombstone("2"))
    assert not await is_there(metadata_store)
    assert await metadata_store.records.count() == 1
    related = await metadata_store.records.thread(reply.record_id)
    assert [stored.record.native_id for stored in related] == ["2"]


async def test_the_index_is_to_give_up_all_chunks_of_what_was_deleted(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await confirm(
        metadata_store,
        claim,
        await stage(metadata_store, claim, a_record(version="1")),
        chunks=3,
    )
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), a_tombstone("2"))
    assert (staged.outcome, staged.needs_embedding) == (Outcome.DELETED, True)
    assert staged.previous_chunk_count == 3


@pytest.mark.parametrize(
    ("version", "outcome", "is_back"),
    [("1", Outcome.OLDER_VERSION, False), ("3", Outcome.INDEXED, True)],
)
async def test_of_what_was_deleted_only_a_newer_copy_is_stored(
    metadata_store: MetadataStore, version: str, outcome: Outcome, is_back: bool
) -> None:
    await imported(metadata_store, a_tombstone("2"))
    claim = await a_claim(metadata_store)
    (staged,) = await stage(metadata_store, claim, a_record(version=version))
    assert staged.outcome is outcome
    assert await is_there(metadata_store) is is_back


async def test_a_tombstone_older_than_the_record_changes_nothing(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_record(version="3"))
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), a_tombstone("2"))
    assert (staged.outcome, staged.needs_embedding) == (Outcome.OLDER_VERSION, False)
    assert await is_there(metadata_store)


async def test_a_tombstone_that_comes_again_makes_no_work(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_tombstone("2"))
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), a_tombstone("2"))
    assert (staged.outcome, staged.needs_embedding) == (Outcome.DELETED, False)


async def test_a_tombstone_read_again_names_the_parser_that_did(
    metadata_store: MetadataStore,
) -> None:
    claim = await imported(metadata_store, a_tombstone("2"))
    await metadata_store.records.stage(
        await a_claim(metadata_store), 0, [a_tombstone("2")], parser="slack/2", model=MODEL
    )
    assert await metadata_store.records.versions_of("slack") == {claim.file_id: {"2"}}


async def test_a_record_and_its_tombstone_in_one_batch_leave_the_tombstone(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record(version="1"), a_tombstone("2"))
    assert [one.outcome for one in staged] == [Outcome.DUPLICATE, Outcome.DELETED]
    assert not await is_there(metadata_store)
