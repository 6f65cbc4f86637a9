"""Contract of the metadata store: records, who supplies them, and their removal."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from domain.errors import NotFoundError
from domain.ledger import Ledger, Outcome
from domain.models.files import ProcessingStatus
from domain.models.ids import RecordId
from domain.models.records import IndexedRecord, Place
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import (
    MODEL,
    a_claim,
    a_record,
    an_upload,
    confirm,
    finish,
    imported,
    remove_all,
    stage,
)

NEW, SAME, TWICE, OLD = (
    Outcome.INDEXED,
    Outcome.UNCHANGED,
    Outcome.DUPLICATE,
    Outcome.OLDER_VERSION,
)


def outcomes(staged: list) -> list[tuple[Outcome, bool]]:
    return [(one.outcome, one.needs_embedding) for one in staged]


async def test_a_record_comes_back_as_it_was_staged(metadata_store: MetadataStore) -> None:
    record = a_record(
        title="t",
        author="a",
        timestamp=datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
        url="https://x",
        thread="th",
        metadata={"a": [1, 2.5, None, True], "ü": {"b": "\\u0000"}},
        version="v1",
        visibility=('a"b', "c,\\d{}", ""),
        place=Place(1, 2, "dir:1/m.json", 3),
    )
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, record)
    await confirm(metadata_store, claim, staged, chunks=3)
    stored = await metadata_store.records.get(record.record_id)
    assert stored.record == record
    assert (stored.file_id, stored.chunk_count, stored.embedding_model, stored.parser) == (
        claim.file_id,
        3,
        MODEL,
        "archive/2",
    )


async def test_an_unknown_record_is_not_found(metadata_store: MetadataStore) -> None:
    with pytest.raises(NotFoundError):
        await metadata_store.records.get(RecordId(uuid4()))


async def test_outcomes_come_in_input_order(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    records = [a_record(str(n), at=n) for n in range(50)]
    staged = await stage(metadata_store, claim, *records)
    assert [one.record for one in staged] == records
    assert outcomes(staged) == [(NEW, True)] * 50


async def test_what_postgresql_cannot_hold_is_replaced(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    record = a_record(
        "a\x00\ud800",
        "x\x00y\udfff",
        title="\x00",
        metadata={"k\x00": ["v\x00", {"n": "\ud800"}], "big": 2**70},
    )
    (staged,) = await stage(metadata_store, claim, record)
    await confirm(metadata_store, claim, [staged])
    stored = await metadata_store.records.get(staged.record.record_id)
    assert stored.record == staged.record
    assert stored.record.content == "x\ufffdy\ufffd"
    assert stored.record.metadata == {
        "k\ufffd": ["v\ufffd", {"n": "\ufffd"}],
        "big": str(2**70),
    }
    assert stored.chunk_count == 1


async def test_very_long_ids_are_kept_whole(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    names = ["".join(str(uuid4()) for _ in range(2000)) + end for end in "ab"]
    records = [a_record(name, thread=name) for name in names]
    await stage(metadata_store, claim, *records)
    for record in records:
        assert (await metadata_store.records.get(record.record_id)).record == record
        assert len(await metadata_store.records.thread(record.record_id)) == 1


async def test_redoing_a_slice_gives_the_same_outcomes(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("same"), a_record("newer", version="9"))
    claim = await a_claim(metadata_store)
    records = [
        a_record("same"),
        a_record("newer", "older", version="1", at=20),
        a_record("fresh", at=40),
        a_record("fresh", at=60),
    ]
    first = await stage(metadata_store, claim, *records)
    again = await stage(metadata_store, claim, *records)
    assert outcomes(first) == [(SAME, False), (OLD, False), (NEW, True), (TWICE, False)]
    assert outcomes(again) == outcomes(first)


async def test_redoing_after_a_takeover_embeds_only_what_was_not_confirmed(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store, lease_seconds=0)
    records = [a_record("1", at=0), a_record("2", at=20)]
    staged = await stage(metadata_store, claim, *records)
    await confirm(metadata_store, claim, staged[:1])
    (taken,) = await metadata_store.queue.claim("other", limit=1, lease_seconds=60)
    assert outcomes(await stage(metadata_store, taken, *records)) == [(NEW, False), (NEW, True)]


async def test_a_record_again_in_a_later_slice_is_a_duplicate(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store, slices=2)
    await confirm(metadata_store, claim, await stage(metadata_store, claim, a_record()))
    other = a_record(content="other", at=500)
    assert outcomes(await stage(metadata_store, claim, other, slice_number=1)) == [(TWICE, False)]
    assert (await metadata_store.records.get(other.record_id)).record.content == "hello"


async def test_a_duplicate_of_a_greater_version_replaces_the_content(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    first, newer = a_record(version="1"), a_record(content="edited", version="2", at=500)
    await confirm(metadata_store, claim, await stage(metadata_store, claim, first))
    assert outcomes(await stage(metadata_store, claim, newer)) == [(TWICE, True)]
    assert outcomes(await stage(metadata_store, claim, first)) == [(NEW, False)]
    assert (await metadata_store.records.get(first.record_id)).record.content == "edited"


async def test_of_copies_in_one_batch_the_greatest_version_counts(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    copies = [
        a_record(content="b", version="2", at=0),
        a_record(content="c", version="3", at=20),
        a_record(content="d", version="3", at=40),
    ]
    staged = await stage(metadata_store, claim, *copies)
    assert outcomes(staged) == [(TWICE, False), (NEW, True), (TWICE, False)]
    assert (await metadata_store.records.get(copies[0].record_id)).record.content == "c"


async def test_the_same_content_from_another_file_is_unchanged(
    metadata_store: MetadataStore,
) -> None:
    first = await imported(metadata_store, a_record())
    claim = await a_claim(metadata_store)
    assert outcomes(await stage(metadata_store, claim, a_record(at=70))) == [(SAME, False)]
    stored = await metadata_store.records.get(a_record().record_id)
    assert stored.file_id == first.file_id


async def test_a_replay_of_unchanged_content_is_unchanged(metadata_store: MetadataStore) -> None:
    claim = await imported(metadata_store, a_record("1"), a_record("2", at=20))
    await metadata_store.files.restart(claim.file_id)
    for status in (ProcessingStatus.VALIDATING, ProcessingStatus.QUEUED):
        await metadata_store.files.transition(claim.file_id, status)
    (again,) = await metadata_store.queue.claim("worker", limit=1, lease_seconds=60)
    staged = await stage(metadata_store, again, a_record("1"), a_record("2", at=20))
    assert again.run == 2
    assert outcomes(staged) == [(SAME, False), (SAME, False)]


async def test_content_that_another_import_has_not_confirmed_is_embedded(
    metadata_store: MetadataStore,
) -> None:
    await stage(metadata_store, await a_claim(metadata_store), a_record())
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record())
    await confirm(metadata_store, claim, staged)
    assert outcomes(staged) == [(NEW, True)]
    assert (await metadata_store.records.get(a_record().record_id)).file_id == claim.file_id


async def test_another_model_needs_the_content_embedded_again(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_record())
    claim = await a_claim(metadata_store)
    assert outcomes(await stage(metadata_store, claim, a_record(), model="b")) == [(NEW, True)]


async def test_changed_content_needs_embedding_and_names_its_old_chunks(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record())
    await confirm(metadata_store, claim, staged, chunks=7)
    (changed,) = await stage(metadata_store, await a_claim(metadata_store), a_record(content="b"))
    assert (changed.outcome, changed.needs_embedding) == (NEW, True)
    assert changed.previous_chunk_count == 7


async def test_chunks_of_contents_never_confirmed_count_as_left_over(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record(content="word " * 1000))
    for content in ("short", "shorter"):
        claim = await a_claim(metadata_store)
        (staged,) = await stage(metadata_store, claim, a_record(content=content))
        assert staged.previous_chunk_count >= 300


async def test_an_older_version_from_another_file_is_left_out(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_record(content="new", version="2"))
    claim = await a_claim(metadata_store)
    old = a_record(content="old", version="1")
    assert outcomes(await stage(metadata_store, claim, old)) == [(OLD, False)]
    assert (await metadata_store.records.get(old.record_id)).record.content == "new"


async def test_a_greater_version_of_the_same_content_wins_over_those_between(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_record(version="1"))
    await imported(metadata_store, a_record(version="3"))
    claim = await a_claim(metadata_store)
    between = a_record(content="between", version="2")
    assert outcomes(await stage(metadata_store, claim, between)) == [(OLD, False)]


async def test_what_another_import_has_changed_is_not_to_be_written_to_the_index(
    metadata_store: MetadataStore,
) -> None:
    slow, fast = await a_claim(metadata_store), await a_claim(metadata_store)
    kept, lost = a_record("kept"), a_record("lost", "first", version="1")
    await stage(metadata_store, slow, kept, lost)
    await confirm(
        metadata_store,
        fast,
        await stage(metadata_store, fast, a_record("lost", "second", version="2")),
    )
    staged = [IndexedRecord(one.record_id, one.content_hash(), 1) for one in (kept, lost)]
    async with metadata_store.records.confirming(slow, staged, model=MODEL) as current:
        assert current == {kept.record_id}


async def test_confirming_a_content_that_has_changed_leaves_it_unconfirmed(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    stale = await stage(metadata_store, claim, a_record(version="1"))
    newer = a_record(content="newer", version="2")
    await stage(metadata_store, await a_claim(metadata_store), newer)
    await confirm(metadata_store, claim, stale)
    again = await a_claim(metadata_store)
    assert outcomes(await stage(metadata_store, again, newer)) == [(NEW, True)]


async def test_concurrent_imports_of_the_same_records_agree(
    metadata_store: MetadataStore,
) -> None:
    claims = [await a_claim(metadata_store, owner=f"w{n}") for n in range(4)]
    orders = [list(range(60)), list(range(59, -1, -1)), list(range(60)), list(range(30, 60))]
    batches = [[a_record(str(n), at=n) for n in order] for order in orders]
    await asyncio.gather(
        *(
            stage(metadata_store, claim, *batch)
            for claim, batch in zip(claims, batches, strict=True)
        )
    )
    assert await metadata_store.records.count() == 60


async def test_concurrent_slices_of_one_file_find_each_others_duplicates(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store, slices=4)
    batches = [[a_record(str(n), at=1000 * part + n) for n in range(40)] for part in range(4)]
    staged = await asyncio.gather(
        *(
            stage(metadata_store, claim, *batch, slice_number=part)
            for part, batch in enumerate(batches)
        )
    )
    flat = [one.outcome for batch in staged for one in batch]
    assert (flat.count(NEW), flat.count(TWICE)) == (40, 120)


async def test_a_thread_is_shown_oldest_first(metadata_store: MetadataStore) -> None:
    def reply(name: str, minute: int) -> object:
        return a_record(
            name, thread="t", timestamp=datetime(2024, 1, 1, 0, minute, tzinfo=UTC), at=minute
        )

    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, reply("b", 2), reply("a", 1), a_record("c", at=99))
    thread = await metadata_store.records.thread(a_record("b").record_id)
    alone = await metadata_store.records.thread(a_record("c").record_id)
    assert [one.record.native_id for one in thread] == ["a", "b"]
    assert [one.record.native_id for one in alone] == ["c"]


async def test_a_record_belongs_to_the_thread_that_bears_its_native_id(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("root"), a_record("reply", thread="root", at=9))
    for name in ("root", "reply"):
        found = await metadata_store.records.thread(a_record(name).record_id)
        assert {one.record.native_id for one in found} == {"root", "reply"}


async def test_removing_leaves_what_other_files_supply(metadata_store: MetadataStore) -> None:
    mine, shared = a_record("mine"), a_record("shared", at=20)
    first = await imported(metadata_store, mine, shared)
    second = await imported(metadata_store, shared)
    assert await remove_all(metadata_store, first.file_id) == [mine.record_id]
    async with metadata_store.records.handing_over(first.file_id, limit=10) as handed:
        assert handed == {second.file_id: [shared.record_id]}
    async with metadata_store.records.handing_over(first.file_id, limit=10) as left:
        assert left == {}
    assert (await metadata_store.records.get(shared.record_id)).file_id == second.file_id


async def test_a_raise_while_handing_over_changes_nothing(metadata_store: MetadataStore) -> None:
    shared = a_record("1")
    first = await imported(metadata_store, shared)
    second = await imported(metadata_store, shared)
    owner = (await metadata_store.records.get(shared.record_id)).file_id
    other = second if owner == first.file_id else first

    async def hand_over_and_fail() -> None:
        async with metadata_store.records.handing_over(owner, limit=10):
            raise OSError("index is gone")

    with pytest.raises(OSError, match="index is gone"):
        await hand_over_and_fail()
    assert other.file_id != (await metadata_store.records.get(shared.record_id)).file_id


async def test_a_raise_while_removing_keeps_everything(metadata_store: MetadataStore) -> None:
    claim = await imported(metadata_store, a_record("1"), a_record("2", at=20))

    async def remove_and_fail() -> None:
        async with metadata_store.records.removing(claim.file_id, limit=10):
            raise OSError("index is gone")

    with pytest.raises(OSError, match="index is gone"):
        await remove_and_fail()
    assert await metadata_store.records.count() == 2


async def test_removing_everything_takes_as_many_turns_as_needed(
    metadata_store: MetadataStore,
) -> None:
    records = [a_record(str(n), at=n) for n in range(5)]
    claim = await imported(metadata_store, *records)
    removed = await remove_all(metadata_store, claim.file_id)
    assert sorted(removed) == sorted(record.record_id for record in records)
    assert await metadata_store.records.count() == 0


async def test_a_record_that_another_file_begins_to_supply_is_not_removed(
    metadata_store: MetadataStore,
) -> None:
    first = await imported(metadata_store, a_record())
    second = await a_claim(metadata_store)
    async with metadata_store.records.removing(first.file_id, limit=10) as records:
        assert len(records) == 1
        staging = asyncio.create_task(stage(metadata_store, second, a_record()))
    assert outcomes(await staging) == [(NEW, True)]
    assert await metadata_store.records.count() == 1


async def test_an_older_copy_does_not_keep_a_record_from_removal(
    metadata_store: MetadataStore,
) -> None:
    newer = await imported(metadata_store, a_record(content="new", version="2"))
    await imported(metadata_store, a_record(content="old", version="1"))
    assert len(await remove_all(metadata_store, newer.file_id)) == 1


async def test_all_records_are_expected_in_pages(metadata_store: MetadataStore) -> None:
    records = [a_record(str(n), at=n) for n in range(2500)]
    await imported(metadata_store, *records)
    pages = [page async for page in metadata_store.records.expected()]
    assert len(pages) > 1
    assert {one.record_id for page in pages for one in page} == {r.record_id for r in records}


async def test_a_sound_store_has_nothing_to_report(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1"), a_record("2", version="2", at=20))
    await imported(metadata_store, a_record("1"), a_record("2", "old", version="1", at=20))
    await stage(metadata_store, await a_claim(metadata_store), a_record("3"))
    await metadata_store.files.create(an_upload())
    assert await metadata_store.records.audit() == []


async def test_the_audit_finds_unfinished_slices(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store, slices=2)
    await finish(metadata_store, claim, Ledger())
    assert "its slice 1 is not completed" in (await metadata_store.records.audit())[0]


async def test_the_audit_finds_miscounted_records(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await finish(metadata_store, claim, Ledger(read=2, indexed=2))
    assert (
        "says 2 indexed or unchanged, but supplies 0" in ((await metadata_store.records.audit())[0])
    )


async def test_the_audit_finds_missing_dead_letters(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await finish(metadata_store, claim, Ledger(read=1, failed=1))
    assert "has 0 dead letters" in (await metadata_store.records.audit())[0]


async def test_the_audit_finds_unconfirmed_records(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record())
    await finish(metadata_store, claim, Ledger(read=1, indexed=1))
    assert "is not confirmed" in (await metadata_store.records.audit())[0]
