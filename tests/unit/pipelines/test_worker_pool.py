"""When a pool of import workers grows, whom it gives work, and when it shrinks."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from domain.errors import WorkerDiedError
from pipelines.worker_pool import (
    IDLE_SECONDS_BEFORE_REST,
    SECONDS_AFTER_FAILURE,
    PoolSize,
    WorkerPool,
    emptiest,
)


class Starts:
    """Workers that start as soon as they are let, and the time."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.stopped: list[int] = []
        self.now = 0.0
        self.fails = False

    async def start(self, number: int) -> None:
        if self.fails:
            raise OSError("no room")
        self.started.append(number)

    def pool(self, *, least: int = 1, most: int = 3, calls_each: int = 2) -> WorkerPool:
        return WorkerPool(
            PoolSize(least, most, calls_each),
            start=self.start,
            stop=self.stopped.append,
            clock=lambda: self.now,
        )


async def take(stack: AsyncExitStack, pool: WorkerPool, calls: int) -> list[int]:
    """So many calls at a time, each after whoever is starting has started."""
    numbers = []
    for _ in range(calls):
        numbers.append(await stack.enter_async_context(pool.turn()))
        await asyncio.sleep(0)
    return numbers


async def test_a_pool_of_fixed_size_shares_work_evenly_and_starts_nobody() -> None:
    starts = Starts()
    async with AsyncExitStack() as stack:
        assert await take(stack, starts.pool(least=2, most=2), 6) == [0, 1, 0, 1, 0, 1]
    assert starts.started == []


async def test_one_more_starts_when_all_have_more_than_their_share() -> None:
    starts = Starts()
    async with AsyncExitStack() as stack:
        pool = starts.pool()
        assert await take(stack, pool, 2) == [0, 0]
        assert starts.started == []
        assert await take(stack, pool, 3) == [0, 1, 1]
        assert starts.started == [1, 2]
        assert pool.workers == 3


async def test_no_more_start_than_are_allowed() -> None:
    starts = Starts()
    async with AsyncExitStack() as stack:
        await take(stack, starts.pool(most=2), 20)
    assert starts.started == [1]


async def test_what_the_first_have_room_for_leaves_the_further_ones_idle() -> None:
    starts = Starts()
    pool = starts.pool()
    async with AsyncExitStack() as stack:
        await take(stack, pool, 3)
    async with AsyncExitStack() as stack:
        assert await take(stack, pool, 2) == [0, 0]


async def test_a_worker_rests_after_it_was_idle_for_a_while_and_the_first_never() -> None:
    starts = Starts()
    pool = starts.pool()
    async with AsyncExitStack() as stack:
        await take(stack, pool, 3)
    starts.now = IDLE_SECONDS_BEFORE_REST - 1
    pool.rest()
    assert starts.stopped == []
    starts.now += 1
    pool.rest()
    assert starts.stopped == [1]
    assert pool.workers == 1


async def test_a_worker_that_is_called_does_not_rest() -> None:
    starts = Starts()
    pool = starts.pool()
    async with AsyncExitStack() as stack:
        await take(stack, pool, 4)
        starts.now = 10 * IDLE_SECONDS_BEFORE_REST
        pool.rest()
        assert starts.stopped == []


async def test_who_rested_starts_again_under_its_number() -> None:
    starts = Starts()
    pool = starts.pool()
    async with AsyncExitStack() as stack:
        await take(stack, pool, 3)
    starts.now = IDLE_SECONDS_BEFORE_REST
    pool.rest()
    async with AsyncExitStack() as stack:
        await take(stack, pool, 3)
    assert starts.started == [1, 1]


async def test_a_start_that_failed_is_tried_again_after_a_while_and_work_goes_on() -> None:
    starts = Starts()
    pool = starts.pool(most=2)
    starts.fails = True
    async with AsyncExitStack() as stack:
        assert await take(stack, pool, 4) == [0, 0, 0, 0]
        starts.fails = False
        await take(stack, pool, 1)
        assert starts.started == []
        starts.now = SECONDS_AFTER_FAILURE
        await take(stack, pool, 1)
        assert starts.started == [1]


async def test_a_further_worker_that_died_is_done_without_until_one_more_is_wanted() -> None:
    starts = Starts()
    pool = starts.pool(most=2)
    async with AsyncExitStack() as stack:
        await take(stack, pool, 3)
        with pytest.raises(WorkerDiedError):
            async with pool.turn() as number:
                raise WorkerDiedError(f"import worker {number} died")
        assert (number, starts.stopped, pool.workers) == (1, [1], 1)
        await take(stack, pool, 1)
        assert starts.started == [1, 1]


async def test_one_of_the_first_that_died_is_kept() -> None:
    starts = Starts()
    pool = starts.pool()
    with pytest.raises(WorkerDiedError):
        async with pool.turn():
            raise WorkerDiedError("import worker 0 died")
    assert (starts.stopped, pool.workers) == ([], 1)


def test_a_worker_starts_on_the_node_that_has_the_fewest() -> None:
    assert emptiest(["first", "second", "third"], ["first"]) == "second"
    assert emptiest(["first", "second", "third"], ["first", "second"]) == "third"
    assert emptiest(["first", "second"], ["first", "gone", "gone", "second"]) == "first"
