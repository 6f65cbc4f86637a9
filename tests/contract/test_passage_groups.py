"""Groups of records that share passages, on a real database."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.ledger import Outcome, ledger_of
from domain.models.files import Claim
from domain.models.ids import FileId, GroupId, derive_group_id
from domain.models.records import Record
from domain.ports.metadata_store import MetadataStore
from domain.ports.passage_groups import ComposedGroup, StaleGroup
from tests.store_builders import (
    MODEL,
    a_claim,
    a_record,
    confirm,
    finish,
    remove_all,
    stage,
)


def group_id(name: str) -> GroupId:
    return derive_group_id("csv", name)


async def stale(store: MetadataStore, file_id: FileId) -> list[StaleGroup]:
    return list(await store.groups.stale(file_id, after=None, limit=100))


async def write(store: MetadataStore, groups: list[StaleGroup], *, chunks: int = 1) -> set[GroupId]:
    """Say that the index holds the groups' passages; returns those that were still as read."""
    composed = [ComposedGroup(one.group_id, one.revision, chunks) for one in groups]
    async with store.groups.writing(composed, model=MODEL) as unchanged:
        return set(unchanged)


async def bring(store: MetadataStore, *records: Record, claim: Claim | None = None) -> Claim:
    """Stage and confirm records, of a new file unless a claim is given."""
    claim = claim or await a_claim(store)
    await confirm(store, claim, await stage(store, claim, *records), chunks=0)
    return claim


async def test_a_new_record_makes_its_group_stale(metadata_store: MetadataStore) -> None:
    claim = await bring(metadata_store, a_record("1", group="g"), a_record("2", group="g"))

    (found,) = await stale(metadata_store, claim.file_id)

    assert found.group_id == group_id("g")
    assert sorted(one.record.native_id for one in found.members) == ["1", "2"]
    assert found.known_chunks == 0


async def test_a_written_group_is_stale_no_more(metadata_store: MetadataStore) -> None:
    claim = await bring(metadata_store, a_record(group="g"))

    written = await write(metadata_store, await stale(metadata_store, claim.file_id))

    assert written == {group_id("g")}
    assert await metadata_store.groups.count_stale(claim.file_id) == 0


async def test_an_unchanged_record_leaves_its_group_alone(metadata_store: MetadataStore) -> None:
    first = await bring(metadata_store, a_record(group="g"))
    await write(metadata_store, await stale(metadata_store, first.file_id))

    second = await a_claim(metadata_store)
    (staged,) = await stage(metadata_store, second, a_record(group="g"))

    assert staged.outcome is Outcome.UNCHANGED
    assert await metadata_store.groups.count_stale(second.file_id) == 0


async def test_an_unchanged_record_of_a_stale_group_lets_its_file_wait_too(
    metadata_store: MetadataStore,
) -> None:
    await bring(metadata_store, a_record(group="g"))

    second = await bring(metadata_store, a_record(group="g"))

    assert await metadata_store.groups.count_stale(second.file_id) == 1


async def test_a_group_that_changed_while_it_was_composed_stays_stale(
    metadata_store: MetadataStore,
) -> None:
    claim = await bring(metadata_store, a_record("1", group="g"))
    read_before = await stale(metadata_store, claim.file_id)
    await bring(metadata_store, a_record("2", group="g"))

    assert await write(metadata_store, read_before) == set()
    (found,) = await stale(metadata_store, claim.file_id)
    assert len(found.members) == 2


async def test_a_changed_record_makes_its_group_stale_again(metadata_store: MetadataStore) -> None:
    first = await bring(metadata_store, a_record(group="g", version="1"))
    await write(metadata_store, await stale(metadata_store, first.file_id), chunks=3)

    second = await bring(metadata_store, a_record(content="new", group="g", version="2"))

    (found,) = await stale(metadata_store, second.file_id)
    assert found.known_chunks == 3
    assert [one.record.content for one in found.members] == ["new"]


async def test_a_record_that_moves_makes_both_groups_stale(metadata_store: MetadataStore) -> None:
    first = await bring(metadata_store, a_record(group="day", version="1"))
    await write(metadata_store, await stale(metadata_store, first.file_id))

    second = await bring(metadata_store, a_record(group="thread", version="2"))

    found = {one.group_id: len(one.members) for one in await stale(metadata_store, second.file_id)}
    assert found == {group_id("day"): 0, group_id("thread"): 1}


async def test_a_record_that_leaves_its_group_for_none_makes_it_stale(
    metadata_store: MetadataStore,
) -> None:
    first = await bring(metadata_store, a_record(group="g", version="1"))
    await write(metadata_store, await stale(metadata_store, first.file_id))

    second = await bring(metadata_store, a_record(version="2"))

    (found,) = await stale(metadata_store, second.file_id)
    assert found.members == ()


async def test_what_a_writer_that_died_may_have_left_is_known(
    metadata_store: MetadataStore,
) -> None:
    claim = await bring(metadata_store, a_record(group="g"))
    groups = await stale(metadata_store, claim.file_id)
    composed = [ComposedGroup(groups[0].group_id, groups[0].revision, 7)]

    with pytest.raises(RuntimeError, match="died"):
        async with metadata_store.groups.writing(composed, model=MODEL):
            raise RuntimeError("died")

    (found,) = await stale(metadata_store, claim.file_id)
    assert found.known_chunks == 7


async def test_removing_a_member_makes_its_group_stale(metadata_store: MetadataStore) -> None:
    first = await bring(metadata_store, a_record("1", group="g"))
    second = await bring(metadata_store, a_record("2", group="g"))
    await write(metadata_store, await stale(metadata_store, second.file_id))

    await remove_all(metadata_store, first.file_id)

    (found,) = await stale(metadata_store, first.file_id)
    assert [one.record.native_id for one in found.members] == ["2"]


async def test_a_group_without_members_is_forgotten_when_written(
    metadata_store: MetadataStore,
) -> None:
    claim = await bring(metadata_store, a_record(group="g"))
    await write(metadata_store, await stale(metadata_store, claim.file_id))
    await remove_all(metadata_store, claim.file_id)

    await write(metadata_store, await stale(metadata_store, claim.file_id), chunks=0)

    assert [page async for page in metadata_store.groups.expected()] == []


async def test_passages_composed_before_a_hand_over_are_not_written(
    metadata_store: MetadataStore,
) -> None:
    first = await bring(metadata_store, a_record(group="g"))
    second = await bring(metadata_store, a_record(group="g"))
    read_before = await stale(metadata_store, first.file_id)
    holder = read_before[0].members[0].file_id
    other = first.file_id if holder == second.file_id else second.file_id

    async with metadata_store.records.handing_over(holder, limit=10) as moved:
        assert set(moved) == {other}

    assert await write(metadata_store, read_before) == set()


async def test_stale_groups_come_in_pages_by_id(metadata_store: MetadataStore) -> None:
    names = [uuid4().hex for _ in range(5)]
    claim = await bring(metadata_store, *(a_record(name, group=name) for name in names))

    first = await metadata_store.groups.stale(claim.file_id, after=None, limit=3)
    rest = await metadata_store.groups.stale(claim.file_id, after=first[-1].group_id, limit=3)

    assert [one.group_id for one in [*first, *rest]] == sorted(map(group_id, names))


async def test_passages_count_among_the_vectors_of_every_file_with_a_part_in_them(
    metadata_store: MetadataStore,
) -> None:
    first = await bring(metadata_store, a_record("1", group="g"))
    second = await bring(metadata_store, a_record("2", group="g"))
    await write(metadata_store, await stale(metadata_store, first.file_id), chunks=3)

    assert await metadata_store.records.vector_count(first.file_id) == 3
    assert await metadata_store.records.vector_count(second.file_id) == 3
    assert (await metadata_store.files.totals()).chunks == 3


async def test_the_audit_names_passages_that_a_finished_file_left_out_of_date(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record(group="g"))
    await confirm(metadata_store, claim, staged, chunks=0)
    await finish(metadata_store, claim, ledger_of([staged[0].outcome], dropped={}))

    (problem,) = await metadata_store.records.audit()

    assert f"passages of group {group_id('g')} are out of date" in problem
