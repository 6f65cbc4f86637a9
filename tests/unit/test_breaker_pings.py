"""Pings: what is away is asked whether it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.breaker_pings import ping_what_is_away
from actors.breakers import ERROR_OF, Breakers, Dependency, Gate
from domain.breaker import BreakerState
from domain.errors import StoreUnavailableError

POSTGRES = Dependency.POSTGRES
CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


class Store:
    """Answers pings once it is back."""

    def __init__(self) -> None:
        self.is_back = False
        self.pings = 0

    async def ping(self) -> None:
        self.pings += 1
        if not self.is_back:
            raise StoreUnavailableError("away")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def breakers() -> Breakers:
    return Breakers(FakeClock())


@pytest.fixture
def gate(breakers: Breakers, store: Store) -> Gate:
    breakers[POSTGRES].ping = store.ping
    return breakers[POSTGRES]


@pytest.fixture
async def turns(breakers: Breakers) -> AsyncIterator[asyncio.Semaphore]:
    """Pings under way; each release lets every dependency's loop make one more turn."""
    turns = asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        await turns.acquire()

    task = asyncio.create_task(ping_what_is_away(breakers, sleep=sleep))
    yield turns
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def turn(turns: asyncio.Semaphore, times: int = 1) -> None:
    for _ in range(times * len(Dependency)):
        turns.release()
    for _ in range(10):
        await asyncio.sleep(0)


def trip(gate: Gate) -> None:
    while gate.state is CLOSED:
        with pytest.raises(ERROR_OF[gate.dependency]), gate.calling():
            raise ERROR_OF[gate.dependency]("away")


async def test_a_dependency_that_is_back_is_called_again_at_once(
    gate: Gate, store: Store, turns: asyncio.Semaphore
) -> None:
    trip(gate)
    store.is_back = True
    await turn(turns)
    assert gate.state is CLOSED


async def test_while_it_does_not_answer_nothing_changes_and_it_is_asked_again(
    gate: Gate, store: Store, turns: asyncio.Semaphore
) -> None:
    trip(gate)
    await turn(turns, times=3)
    assert (gate.state, store.pings) == (OPEN, 3)


async def test_what_is_not_away_is_left_alone(
    gate: Gate, store: Store, turns: asyncio.Semaphore
) -> None:
    await turn(turns, times=3)
    assert store.pings == 0


async def test_what_knows_no_ping_waits_out_its_time(
    breakers: Breakers, gate: Gate, store: Store, turns: asyncio.Semaphore
) -> None:
    trip(breakers[Dependency.INDEX_WRITES])
    store.is_back = True
    await turn(turns)
    assert breakers[Dependency.INDEX_WRITES].state is OPEN


async def test_others_are_left_to_their_own_pings(
    breakers: Breakers, gate: Gate, store: Store, turns: asyncio.Semaphore
) -> None:
    told: list[Dependency] = []
    trip(gate)
    breakers.on_change = told.append
    store.is_back = True
    await turn(turns)
    assert (gate.state, told) == (CLOSED, [])
