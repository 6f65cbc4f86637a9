"""Which search index is in use, what others hold, and who has to wait for whom."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from domain.errors import ConflictError, IndexSwitchedError
from domain.models.ids import RecordId
from domain.models.indexes import Holding, IndexPlace, IndexState
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import MODEL, a_claim, a_record, confirm, imported, remove_all, stage

OLD = IndexPlace(MODEL, 8, "", {"backend": "hash"})
NEW = IndexPlace("model-b", 16, "model-b", {"backend": "hash"})


async def take_in(store: MetadataStore) -> None:
    """Let the new index hold everything, one chunk of each record."""
    page = await store.contents.outdated_records(NEW.model, after=None, limit=1_000)
    held = [Holding(one.stored.record_id, one.fingerprint, 1) for one in page]
    await store.contents.announce(NEW.model, held)
    await store.contents.hold(NEW.model, held)


async def switch(store: MetadataStore) -> None:
    await store.indexes.request(NEW)
    await take_in(store)
    async with store.indexes.switching(NEW.model):
        pass


async def outdated(store: MetadataStore, model: str = NEW.model) -> list[str]:
    page = await store.contents.outdated_records(model, after=None, limit=1_000)
    return sorted(one.stored.record.native_id for one in page)


async def states(store: MetadataStore) -> dict[str, IndexState]:
    return {one.place.model: one.state for one in await store.indexes.list()}


async def test_the_first_index_that_is_registered_is_active(metadata_store: MetadataStore) -> None:
    assert await metadata_store.indexes.active() is None

    assert await metadata_store.indexes.register(OLD) == OLD
    assert await metadata_store.indexes.register(NEW) == OLD


async def test_one_index_is_built_at_a_time(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    assert await metadata_store.indexes.request(NEW) == NEW
    assert await metadata_store.indexes.request(NEW) == NEW

    with pytest.raises(ConflictError, match="being built"):
        await metadata_store.indexes.request(IndexPlace("model-c", 4, "c", {}))


async def test_the_index_in_use_is_not_built_again(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)

    with pytest.raises(ConflictError, match="in use"):
        await metadata_store.indexes.request(OLD)


async def test_a_model_keeps_its_dimension(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)

    with pytest.raises(ConflictError, match="vectors of length 8"):
        await metadata_store.indexes.request(replace(OLD, dimension=9))


async def test_an_index_that_is_cancelled_is_kept_and_can_be_forgotten(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.indexes.register(OLD)
    await metadata_store.indexes.request(NEW)

    assert await metadata_store.indexes.cancel() == NEW
    assert (await states(metadata_store))[NEW.model] is IndexState.RETIRED
    await metadata_store.indexes.forget(NEW.model)
    assert await states(metadata_store) == {MODEL: IndexState.ACTIVE}


async def test_the_index_in_use_cannot_be_forgotten(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)

    with pytest.raises(ConflictError):
        await metadata_store.indexes.forget(OLD.model)


async def test_a_new_index_lacks_every_record_until_it_holds_it(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"), a_record("2", at=10))
    await metadata_store.indexes.request(NEW)
    assert await outdated(metadata_store) == ["1", "2"]

    await take_in(metadata_store)

    assert await outdated(metadata_store) == []


async def test_a_record_that_changes_is_lacking_again(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"), a_record("2", at=10))
    await metadata_store.indexes.request(NEW)
    await take_in(metadata_store)

    await imported(metadata_store, a_record("1", "changed", version="2"))

    assert await outdated(metadata_store) == ["1"]


async def test_what_was_announced_and_not_held_is_lacking(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"))
    await metadata_store.indexes.request(NEW)
    (one,) = await metadata_store.contents.outdated_records(NEW.model, after=None, limit=9)

    announced = Holding(one.stored.record_id, one.fingerprint, 7)
    await metadata_store.contents.announce(NEW.model, [announced])

    (again,) = await metadata_store.contents.outdated_records(NEW.model, after=None, limit=9)
    assert again.known_chunks == 7


async def test_what_is_held_of_records_that_are_gone_is_left_over(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.indexes.register(OLD)
    claim = await imported(metadata_store, a_record("1"))
    await metadata_store.indexes.request(NEW)
    await take_in(metadata_store)
    (gone,) = await remove_all(metadata_store, claim.file_id)

    (left,) = await metadata_store.contents.leftovers(NEW.model, limit=9)
    assert (left.owner_id, left.chunk_count) == (gone, 1)

    await metadata_store.contents.forget(NEW.model, [RecordId(gone)])
    assert await metadata_store.contents.leftovers(NEW.model, limit=9) == []


async def test_after_switching_records_are_known_to_be_in_the_new_index(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"))
    generation = await metadata_store.events.generation()

    await switch(metadata_store)

    stored = await metadata_store.records.get(a_record("1").record_id)
    assert (stored.embedding_model, stored.chunk_count) == (NEW.model, 1)
    assert await states(metadata_store) == {
        OLD.model: IndexState.RETIRED,
        NEW.model: IndexState.ACTIVE,
    }
    assert await metadata_store.events.generation() > generation


async def test_an_index_that_lacks_something_is_not_switched_to(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"))
    await metadata_store.indexes.request(NEW)

    with pytest.raises(ConflictError, match="not hold everything"):
        async with metadata_store.indexes.switching(NEW.model):
            pass

    assert await metadata_store.indexes.active() == OLD


async def test_switching_that_fails_changes_nothing(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"))
    await metadata_store.indexes.request(NEW)
    await take_in(metadata_store)

    with pytest.raises(RuntimeError):
        async with metadata_store.indexes.switching(NEW.model):
            raise RuntimeError

    stored = await metadata_store.records.get(a_record("1").record_id)
    assert (stored.embedding_model, await metadata_store.indexes.active()) == (MODEL, OLD)


async def test_the_old_index_is_known_to_hold_what_it_held(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    await imported(metadata_store, a_record("1"), a_record("2", at=10))
    await switch(metadata_store)
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("2", "new", version="2"), model=NEW.model)
    await confirm(metadata_store, claim, staged, model=NEW.model)

    await metadata_store.indexes.request(OLD)

    assert await outdated(metadata_store, OLD.model) == ["2"]


async def test_who_works_for_another_model_is_refused(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("1"))
    await switch(metadata_store)

    with pytest.raises(IndexSwitchedError):
        await confirm(metadata_store, claim, staged)
    with pytest.raises(IndexSwitchedError):
        await stage(metadata_store, claim, a_record("2"))


async def test_switching_waits_for_those_who_confirm(metadata_store: MetadataStore) -> None:
    await metadata_store.indexes.register(OLD)
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("1"))
    await metadata_store.indexes.request(NEW)
    await take_in(metadata_store)

    async with metadata_store.records.confirming(claim, [], model=MODEL):
        switching = asyncio.create_task(switch(metadata_store))
        await asyncio.wait([switching], timeout=0.2)
        assert not switching.done()
        assert await metadata_store.indexes.active() == OLD
    await switching

    assert staged
    assert await metadata_store.indexes.active() == NEW


async def test_nobody_writes_while_all_is_held_still(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)

    async with metadata_store.indexes.holding_still():
        staging = asyncio.create_task(stage(metadata_store, claim, a_record("1")))
        await asyncio.wait([staging], timeout=0.2)
        assert not staging.done()

    assert len(await staging) == 1


async def test_an_index_is_built_by_one_at_a_time(metadata_store: MetadataStore) -> None:
    async with (
        metadata_store.indexes.building_alone("model") as first,
        metadata_store.indexes.building_alone("model") as second,
        metadata_store.indexes.building_alone("other") as other,
    ):
        assert (first, second, other) == (True, False, True)
