"""Records on their way into the index: whether there are any, and who forgets them then."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from domain.errors import RetryableError
from domain.ports.arriving import ArrivingRecords

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
SWEEP_SECONDS = 5.0
SWEEP_SHARE = 0.02
"""Of the time, what sweeping takes at most."""


class ArrivalFollower:
    """Remembers whether records are arriving, so that a query need not ask.

    ``mark`` is empty when none are; else it is the second in which that was last seen, so that an
    answer which is kept under it is asked for no more a second later.
    """

    def __init__(self, arriving: ArrivingRecords) -> None:
        self._arriving = arriving
        self.mark = ""

    async def follow(self) -> None:
        """Look once."""
        moment = await self._arriving.moment()
        self.mark = "" if moment is None else str(moment)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow in the background; the first look is taken before the block begins."""
        await self.follow()
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
