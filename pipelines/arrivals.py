"""Records on their way into the index: who remembers that there are any, and who forgets them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from domain.errors import RetryableError
from domain.models.search import Match, SearchFilter
from domain.ports.arriving import Arrivals, ArrivingRecords

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
SWEEP_SHARE = 0.1
"""Of the time, what sweeping takes at most."""


class ArrivalFollower:
    """Remembers whether records are arriving, so that a query need not ask."""

    def __init__(self, arriving: ArrivingRecords) -> None:
        self._arriving = arriving
        self._last: Arrivals | None = None
        self._seen: datetime | None = None

    @property
    def are_any(self) -> bool:
        """Whether ``search`` may find anything."""
        return self._last is not None and self._last.are_any

    @property
    def mark(self) -> str:
        """Empty while no record is new, else the second in which that was last seen.

        So an answer that is kept under it is asked for no more a second later.
        """
        last = self._last
        return f"{last.now.timestamp():.0f}" if last is not None and last.are_new else ""

    async def search(self, text: str, *, limit: int, where: SearchFilter) -> Sequence[Match]:
        """As ``ArrivingRecords.search``."""
        return await self._arriving.search(text, limit=limit, where=where, seen=self._seen)

    async def follow(self) -> None:
        """Look once. Of two looks at a time the later one counts, whichever ends first."""
        looked = await self._arriving.look(seen=self._seen)
        if self._last is None or looked.now >= self._last.now:
            self._last = looked

    @asynccontextmanager
    async def refreshing(self) -> AsyncIterator[None]:
        """The view of the index is renewed inside the block."""
        began = await self._arriving.now()
        yield
        self._seen = began
        await self.follow()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow in the background."""
        task = asyncio.create_task(self._follow_on())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow_on(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.follow()
            except RetryableError as error:
                log.warning("arrivals_not_followed", error=error.message)


class ArrivalSweeper:
    """Forgets the records that have arrived, every few seconds."""

    def __init__(self, arriving: ArrivingRecords) -> None:
        self._arriving = arriving

    async def run(self) -> None:
        """Work until cancelled; what fails is tried again the next time."""
        while True:
            started = time.monotonic()
            try:
                await self._arriving.sweep()
            except RetryableError as error:
                log.warning("arrivals_not_swept", error=error.message)
            except Exception:
                log.exception("arrivals_not_swept")
            took = time.monotonic() - started
            await asyncio.sleep(max(SWEEP_SECONDS, took / SWEEP_SHARE))
