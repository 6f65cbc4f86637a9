"""How imports wait for stores that are away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.breakers import Breakers, Dependency
from domain.errors import IndexUnavailableError
from pipelines.breaker_pause import IMPORTS_NEED, BreakerPause

REFUSED = {"dependency": "index_writes", "breaker": "open", "retry_after_seconds": 40.0}


class Sleeps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breakers(clock: FakeClock) -> Breakers:
    return Breakers(clock)


@pytest.mark.parametrize("dependency", IMPORTS_NEED)
async def test_imports_wait_until_what_they_need_may_be_called(
    breakers: Breakers, clock: FakeClock, dependency: Dependency
) -> None:
    breakers[dependency].hear_open(60)
    waiting = asyncio.create_task(BreakerPause(breakers).over())
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(60)
    await asyncio.wait_for(waiting, timeout=5)


@pytest.mark.parametrize("dependency", [Dependency.INDEX, Dependency.CACHE, Dependency.EMBEDDER])
async def test_imports_do_not_wait_for_what_they_do_not_need(
    breakers: Breakers, dependency: Dependency
) -> None:
    breakers[dependency].hear_open(60)
    await asyncio.wait_for(BreakerPause(breakers).over(), timeout=5)


@pytest.mark.parametrize(
    ("details", "waits"),
    [
        (REFUSED, [5.0]),
        ({**REFUSED, "breaker": "half_open", "retry_after_seconds": 1.0}, [1.0]),
        ({"retry_after_seconds": 40.0}, []),
    ],
    ids=["open", "being probed", "no refusal"],
)
async def test_a_refusal_that_the_hub_knows_nothing_of_is_waited_for(
    breakers: Breakers, details: dict[str, Any], waits: list[float]
) -> None:
    sleeps = Sleeps()
    pause = BreakerPause(breakers, sleep=sleeps)
    await pause.over(IndexUnavailableError("left alone", **details))
    assert sleeps.seconds == waits
