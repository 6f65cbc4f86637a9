"""Gossip: what one process finds out, the others know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from actors import breaker_hub
from actors.adapters.memory.clock import FakeClock
from actors.breaker_hub import BreakerBoard, News, Place, gossiping
from actors.breakers import ERROR_OF, Breakers, Dependency
from domain.breaker import BreakerState
from domain.errors import WorkerUnavailableError

INDEX, CACHE = Dependency.INDEX, Dependency.CACHE
CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN


class MortalHub:
    """A hub in this process that can die and come back empty."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.board: BreakerBoard | None = BreakerBoard(clock)
        self._died = asyncio.Event()
        self.told = 0

    def die(self) -> None:
        self.board = None
        self._died.set()

    def come_back(self) -> None:
        self._died.clear()
        self.board = BreakerBoard(self._clock)

    async def tell(self, news: News) -> None:
        if self.board is None:
            raise WorkerUnavailableError("the breaker hub is away")
        await self.board.tell(news)
        self.told += 1

    async def watch(self, seen: Place | None) -> tuple[Place, Sequence[News]]:
        if self.board is None:
            raise WorkerUnavailableError("the breaker hub is away")
        watching = asyncio.create_task(self.board.watch(seen))
        died = asyncio.create_task(self._died.wait())
        await asyncio.wait({watching, died}, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        if not watching.done():
            watching.cancel()
            raise WorkerUnavailableError("the breaker hub is away")
        return watching.result()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker_hub, "AGAIN_SECONDS", 0.01)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def hub(clock: FakeClock) -> MortalHub:
    return MortalHub(clock)


def trip(breakers: Breakers, dependency: Dependency = INDEX) -> None:
    while breakers[dependency].state is CLOSED:
        with pytest.raises(ERROR_OF[dependency]), breakers[dependency].calling():
            raise ERROR_OF[dependency]("away")


def probe(breakers: Breakers, dependency: Dependency = INDEX) -> None:
    with breakers[dependency].calling():
        pass


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - breakers are no awaitables
            await asyncio.sleep(0.001)


Processes = Callable[[int], Awaitable[list[Breakers]]]


@pytest.fixture
async def processes(clock: FakeClock, hub: MortalHub):  # type: ignore[no-untyped-def]
    """As many processes as wanted, their breakers gossiping by one hub."""
    async with AsyncExitStack() as stack:

        async def start(count: int) -> list[Breakers]:
            started = [Breakers(clock) for _ in range(count)]
            for breakers in started:
                await stack.enter_async_context(gossiping(breakers, hub))
            return started

        yield start


async def test_a_breaker_that_trips_opens_those_of_the_others(processes: Processes) -> None:
    first, second, third = await processes(3)
    trip(first)
    await until(lambda: second[INDEX].state is OPEN and third[INDEX].state is OPEN)
    assert second[CACHE].state is CLOSED


async def test_the_others_know_why_it_is_open(processes: Processes) -> None:
    first, second = await processes(2)
    trip(first)
    await until(lambda: second[INDEX].state is OPEN)
    assert second[INDEX].status().reason == "away"


async def test_a_probe_that_succeeds_closes_those_of_the_others(
    processes: Processes, clock: FakeClock
) -> None:
    first, second = await processes(2)
    trip(first)
    await until(lambda: second[INDEX].state is OPEN)
    clock.advance(60)
    probe(second)
    await until(lambda: first[INDEX].state is CLOSED)


async def test_others_stay_open_only_for_the_time_that_is_left(
    processes: Processes, clock: FakeClock, hub: MortalHub
) -> None:
    (first,) = await processes(1)
    trip(first)
    await until(lambda: hub.told == 1)
    clock.advance(40)
    (second,) = await processes(1)
    await until(lambda: second[INDEX].state is OPEN)
    assert second[INDEX].status().seconds_left == 20


async def test_a_new_process_is_told_nothing_that_is_over(clock: FakeClock, hub: MortalHub) -> None:
    board = BreakerBoard(clock)
    await board.tell(News(INDEX, True, 60.0, "first"))
    await board.tell(News(CACHE, False, 0.0, "first"))
    clock.advance(60)
    _, news = await board.watch(None)
    assert news == []


async def test_who_has_seen_everything_waits_for_more(clock: FakeClock) -> None:
    board = BreakerBoard(clock)
    place, _ = await board.watch(None)
    waiting = asyncio.create_task(board.watch(place))
    await board.tell(News(INDEX, False, 0.0, "first"))
    assert (await waiting)[1] == [News(INDEX, False, 0.0, "first")]


async def test_a_watch_without_news_ends(clock: FakeClock) -> None:
    board = BreakerBoard(clock, watch_seconds=0.01)
    place, _ = await board.watch(None)
    assert await board.watch(place) == (place, [])


async def test_without_a_hub_each_process_has_its_own_truth(
    processes: Processes, hub: MortalHub, clock: FakeClock
) -> None:
    hub.die()
    first, second = await processes(2)
    trip(first)
    assert (first[INDEX].state, second[INDEX].state) == (OPEN, CLOSED)
    clock.advance(60)
    probe(first)
    assert first[INDEX].state is CLOSED


async def test_a_hub_that_comes_back_is_told_what_is_open(
    processes: Processes, hub: MortalHub
) -> None:
    hub.die()
    first, second = await processes(2)
    trip(first)
    hub.come_back()
    await until(lambda: second[INDEX].state is OPEN)


async def test_a_new_hub_learns_what_the_old_one_knew(processes: Processes, hub: MortalHub) -> None:
    (first,) = await processes(1)
    trip(first)
    hub.die()
    hub.come_back()
    (second,) = await processes(1)
    await until(lambda: second[INDEX].state is OPEN)


async def test_a_breaker_that_changes_in_a_thread_is_told(processes: Processes) -> None:
    first, second = await processes(2)
    await asyncio.to_thread(trip, first)
    await until(lambda: second[INDEX].state is OPEN)


async def test_each_process_has_a_model_of_its_own(processes: Processes) -> None:
    first, second = await processes(2)
    trip(first, Dependency.EMBEDDER)
    trip(first)
    await until(lambda: second[INDEX].state is OPEN)
    assert second[Dependency.EMBEDDER].state is CLOSED
