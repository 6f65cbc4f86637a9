"""Batches that are embedded and written while others are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class InFlight:
    """A bounded number of tasks. What one of them raises, the next call raises.

    ``at_once`` of them run; the others wait for their turn.
    """

    def __init__(self, most: int, at_once: int) -> None:
        self._most = most
        self._turns = asyncio.Semaphore(at_once)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def has_room(self) -> bool:
        ended = [task for task in self._tasks if task.done()]
        self._tasks.difference_update(ended)
        for task in ended:
            task.result()
        return len(self._tasks) < self._most

    async def room(self) -> None:
        """Wait until there is some."""
        while not self.has_room:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.add(asyncio.create_task(self._in_turn(work)))

    async def ended(self) -> None:
        """Wait until all have ended."""
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _in_turn(self, work: Callable[[], Awaitable[None]]) -> None:
        async with self._turns:
            await work()


@asynccontextmanager
async def in_flight(most: int, *, at_once: int) -> AsyncIterator[InFlight]:
    """What still runs at the end of the block is cancelled."""
    tasks = InFlight(most, at_once)
    try:
        yield tasks
    finally:
        await tasks.cancel()
