"""Batches that are embedded and written while others are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class InFlight:
    """A bounded number of tasks. What one of them raises, the next call raises."""

    def __init__(self, most: int) -> None:
        self._most = most
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

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def ended(self) -> None:
        """Wait until all have ended."""
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def in_flight(most: int) -> AsyncIterator[InFlight]:
    """What still runs at the end of the block is cancelled."""
    tasks = InFlight(most)
    try:
        yield tasks
    finally:
        await tasks.cancel()
