"""Keeps a reader of the index up to date with its writer, off the path of queries."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from domain.errors import RetryableError
from domain.ports.search_index import SearchIndex
from domain.ports.work_queue import EventLog
from pipelines.arrivals import ArrivalFollower

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
REFRESH_SECONDS = 5.0
"""The writer folds chunks into faster structures without a new generation; readers follow."""


class IndexFollower:
    """Refreshes the index when its generation changes, and now and then without a reason."""

    def __init__(
        self,
        events: EventLog,
        index: SearchIndex,
        *,
        change_index: Callable[[], Awaitable[None]] | None = None,
        arrivals: ArrivalFollower | None = None,
    ) -> None:
        """``change_index`` takes up another index, if another is in use by now.

        ``arrivals`` hears of every refresh.
        """
        self._events = events
        self._index = index
        self._change_index = change_index
        self._arrivals = arrivals
        self.generation = 0
        self.lineage: UUID | None = None

    async def follow(self) -> bool:
        """Ask for the generation once; refresh if it is new. Returns whether it was."""
        generation = await self._events.generation()
        if generation == self.generation:
            return False
        await self._refresh()
        self.generation = generation
        return True

    async def _refresh(self) -> None:
        if self._change_index:
            await self._change_index()
        async with self._arrivals.refreshing() if self._arrivals else contextlib.nullcontext():
            await self._index.refresh()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow in the background; the first look is taken before the block begins."""
        self.lineage = await self._events.lineage()
        await self.follow()
        task = asyncio.create_task(self._follow_on())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow_on(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
            try:
                if await self.follow():
                    waited = 0.0
                elif waited >= REFRESH_SECONDS:
                    await self._refresh()
                    waited = 0.0
            except RetryableError as error:
                log.warning("index_not_followed", error=error.message)
