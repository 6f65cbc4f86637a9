"""Another model: a second index is filled and switched to, while everything goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.adapters.memory.clock import FakeClock
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.index_in_use import IndexInUse, Searched
from domain.chunking import ChunkLimits
from domain.errors import ConflictError, ModelUnavailableError
from domain.ledger import Ledger
from domain.models.chunks import EmbeddedChunk
from domain.models.files import Claim
from domain.models.ids import ChunkId
from domain.models.indexes import IndexPlace, IndexState
from domain.models.search import Query
from pipelines.engine_in_use import EngineInUse
from pipelines.file_import import FileImporter
from pipelines.index_keeping import IndexKeeper, drop_old
from pipelines.querying import QueryEngine
from pipelines.reindexing import Reindexer
from pipelines.slice_import import SliceImporter
from pipelines.verifying import verify
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of

Then = Callable[[], Awaitable[None]]


class Killed(Exception):
    pass


class WatchedIndex(InMemorySearchIndex):
    """Does something after each write, or dies before or after the n-th."""

    def __init__(self, *, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.then: Then | None = None
        self.when_optimized: Then | None = None
        self.dies_at = 0
        self.dies_after = False
        self.writes = 0

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        self._die(after=False)
        await super().upsert(chunks)
        await self._wrote()

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        self._die(after=False)
        await super().delete(chunk_ids)
        await self._wrote()

    async def optimize(self) -> None:
        await super().optimize()
        if self.when_optimized:
            await self.when_optimized()

    async def _wrote(self) -> None:
        self._die(after=True)
        if self.then:
            await self.then()

    def _die(self, *, after: bool) -> None:
        self.writes += not after
        if self.writes == self.dies_at and after is self.dies_after:
            raise Killed


class Change:
    """An import side whose index is to be replaced by one with vectors of another length."""

    def __init__(self, side: ImportSide) -> None:
        self.side = side
        self.metadata = side.metadata
        self.embedder = CountingEmbedder(dimension=64)
        self.index = WatchedIndex(dimension=64)
        self.old = IndexPlace(side.embedder.model, side.embedder.dimension, "", {})
        self.new = IndexPlace(self.embedder.model, 64, "new", {})
        old = Searched(self.old, side.index, side.embedder)
        self.in_use = IndexInUse(old, open_other=self._open, clock=FakeClock())

    async def _open(self, place: IndexPlace) -> Searched:
        is_new = place == self.new
        index = self.index if is_new else self.side.index
        return Searched(place, index, self.embedder if is_new else self.side.embedder)

    async def begin(self) -> None:
        await self.metadata.indexes.register(self.old)
        await self.metadata.indexes.request(self.new)

    def reindexer(self) -> Reindexer:
        return Reindexer(
            self.metadata, self.index, self.embedder, limits=ChunkLimits(), few_owners=2
        )

    async def run(self) -> None:
        await self.reindexer().run()

    async def problems(self) -> list[str]:
        return await verify(self.metadata, self.index, self.side.objects)

    async def answers(self, text: str) -> int:
        """How many hits a query has, from whatever index is in use."""
        await self.in_use.follow(await self.metadata.indexes.active())
        present = self.in_use.present
        engine = EngineInUse(lambda: (present.index, present.embedder), QueryEngine)
        answer = await engine.answer(Query(text))
        assert answer.degraded == ()
        return len(answer.hits)


@pytest.fixture
async def change(import_side: ImportSide) -> Change:
    change = Change(import_side)
    await change.metadata.indexes.register(change.old)
    return change


def conversation() -> bytes:
    return slack_export({"general/2026-03-01": [slack_message("we ship on Friday", "1.0")]})


async def fill(change: Change) -> None:
    await change.side.import_file("notes.csv", csv_of(20))
    await change.side.import_file("s.zip", conversation())
    await change.begin()


async def test_everything_is_in_the_new_index_and_found_there(change: Change) -> None:
    await fill(change)

    await change.run()

    assert await change.metadata.indexes.active() == change.new
    assert await change.problems() == []
    assert await change.index.count() == await change.side.index.count() == 21
    assert await change.answers("ship on Friday") > 0
    assert change.in_use.present.place == change.new


async def test_queries_are_answered_from_the_old_index_until_the_switch(change: Change) -> None:
    await fill(change)
    seen: list[tuple[IndexPlace, int]] = []

    async def ask() -> None:
        hits = await change.answers("Body of row 7")
        seen.append((change.in_use.present.place, hits))

    change.index.then = ask
    await change.run()
    await ask()

    places = [place for place, _ in seen]
    assert places == [change.old] * (len(seen) - 1) + [change.new]
    assert all(hits for _, hits in seen)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("dies_at", [1, 2])
async def test_building_that_died_is_taken_up_by_the_next(
    change: Change, dies_at: int, after: bool
) -> None:
    await fill(change)
    change.index.dies_at, change.index.dies_after = dies_at, after
    with pytest.raises(Killed):
        await change.run()
    assert await change.metadata.indexes.active() == change.old

    await change.run()

    assert await change.problems() == []
    assert await change.index.count() == 21


async def test_what_changes_while_the_index_is_built_ends_up_in_it(change: Change) -> None:
    await fill(change)
    gone = await change.side.import_file("gone.csv", csv_of(5, note="that go"))

    async def change_everything() -> None:
        change.index.then = None
        await change.side.delete(gone.file.file_id)
        await change.side.import_file("late.csv", csv_of(7, note="that came late"))

    change.index.then = change_everything
    await change.run()

    assert await change.problems() == []
    assert await change.index.count() == 21 + 7


async def test_what_comes_just_before_the_switch_is_taken_in_by_its_last_pass(
    change: Change,
) -> None:
    await fill(change)

    async def import_late() -> None:
        await change.side.import_file("late.csv", csv_of(7, note="that came late"))

    change.index.when_optimized = import_late
    async with asyncio.timeout(30):
        await change.run()

    assert await change.problems() == []
    assert await change.index.count() == 21 + 7


class WorkersOfTheIndexInUse:
    """Import with the model of the active index, as import workers do."""

    def __init__(self, change: Change) -> None:
        self._change = change

    async def import_file(self, claim: Claim) -> None:
        change, side = self._change, self._change.side
        is_new = await change.metadata.indexes.active() == change.new
        slices = SliceImporter(
            change.metadata,
            change.index if is_new else side.index,
            change.embedder if is_new else side.embedder,
            limits=ChunkLimits(),
            batch_records=10,
        )
        archive = side.planner()._limits.archive
        await FileImporter(change.metadata, side.objects, slices, archive=archive).run(claim)


async def test_an_import_that_the_switch_overtakes_ends_with_the_new_model(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(change)
    loop = asyncio.get_running_loop()
    embed = change.side.embedder.embed

    def overtaken(texts: Sequence[str]) -> NDArray[np.float32]:
        monkeypatch.setattr(change.side.embedder, "embed", embed)
        asyncio.run_coroutine_threadsafe(change.run(), loop).result(timeout=20)
        return embed(texts)

    monkeypatch.setattr(change.side.embedder, "embed", overtaken)
    change.side.wrap_workers = lambda _: WorkersOfTheIndexInUse(change)

    report = await change.side.import_file("late.csv", csv_of(30, note="late"))

    assert report.ledger == Ledger(read=30, indexed=30)
    assert await change.metadata.indexes.active() == change.new
    assert await change.problems() == []
    assert await change.index.count() == 21 + 30


async def test_going_back_embeds_only_what_has_changed(change: Change) -> None:
    await fill(change)
    await change.run()
    side = change.side
    side.index, side.embedder = change.index, change.embedder
    await side.import_file("late.csv", csv_of(3, note="late"))
    back = Change(side)
    back.index, back.embedder = WatchedIndex(dimension=384), CountingEmbedder()
    back.index._chunks = dict(change.in_use.present.index._chunks)  # type: ignore[attr-defined]

    await back.metadata.indexes.request(change.old)
    await back.run()

    assert back.embedder.texts_embedded == 3
    assert await back.problems() == []


async def test_building_that_is_cancelled_ends_without_a_switch(change: Change) -> None:
    await fill(change)

    async def cancel() -> None:
        await change.metadata.indexes.cancel()

    change.index.then = cancel
    with pytest.raises(ConflictError):
        await change.run()

    assert await change.metadata.indexes.active() == change.old


NOW = datetime(2030, 1, 1, tzinfo=UTC)


def keeper(change: Change, removed: list[IndexPlace], *, grace: timedelta) -> IndexKeeper:
    async def build(place: IndexPlace) -> None:
        await change.run()

    async def remove(place: IndexPlace) -> None:
        removed.append(place)

    return IndexKeeper(
        change.metadata, build=build, remove=remove, grace=grace, clock=FakeClock(NOW)
    )


async def test_an_index_that_is_asked_for_is_built_and_the_old_one_kept(change: Change) -> None:
    await fill(change)
    removed: list[IndexPlace] = []

    await keeper(change, removed, grace=timedelta(days=36_500)).look()

    states = {one.place.model: one.state for one in await change.metadata.indexes.list()}
    assert states == {
        change.old.model: IndexState.RETIRED,
        change.new.model: IndexState.ACTIVE,
    }
    assert removed == []


async def test_an_old_index_is_removed_when_its_time_is_over(change: Change) -> None:
    await fill(change)
    removed: list[IndexPlace] = []

    await keeper(change, removed, grace=timedelta(0)).look()

    assert removed == [change.old]
    assert [one.place for one in await change.metadata.indexes.list()] == [change.new]


async def test_what_keeps_an_index_from_being_built_is_shown(change: Change) -> None:
    await fill(change)

    async def build(place: IndexPlace) -> None:
        raise ModelUnavailableError("the model is not there: prepare it")

    async def remove(place: IndexPlace) -> None: ...

    await IndexKeeper(
        change.metadata, build=build, remove=remove, grace=timedelta(1), clock=FakeClock(NOW)
    ).look()

    errors = [one.error for one in await change.metadata.indexes.list()]
    assert errors == [None, "the model is not there: prepare it"]


async def test_dropping_that_died_leaves_an_index_that_is_known_to_be_empty(
    change: Change,
) -> None:
    await fill(change)
    await change.run()

    async def remove(place: IndexPlace) -> None:
        raise Killed

    with pytest.raises(Killed):
        await drop_old(change.metadata, remove=remove)

    held = {one.place.model: one.held for one in await change.metadata.indexes.list()}
    assert held[change.old.model] == 0
