"""Events as they come, for everybody who follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import structlog

from domain.errors import RetryableError
from domain.models.events import LoggedEvent
from domain.models.ids import FileId
from domain.ports.event_journal import EventJournal

log = structlog.get_logger(__name__)

PAGE = 200
POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.2
"""A follower asks the store at most so often, however fast events come."""


class EventFeed:
    """Follows the journal for any number of readers. Outages of the store are waited out."""

    def __init__(self, journal: EventJournal) -> None:
        self._journal = journal
        self._wakers: set[asyncio.Event] = set()
        self._is_stopped = False

    async def last_id(self) -> int:
        """Of the last event that there is, 0 where there is none or the feed is stopped."""
        while not self._is_stopped:
            try:
                latest = await self._journal.latest(limit=1)
                return latest[-1].event_id if latest else 0
            except RetryableError as error:
                log.warning("event_feed_delayed", error=error.message)
                await asyncio.sleep(RETRY_SECONDS)
        return 0

    async def follow(
        self, *, after: int, file_id: FileId | None = None
    ) -> AsyncIterator[LoggedEvent]:
        """Every event after an id, as they come; ends when the feed is stopped."""
        waker = asyncio.Event()
        self._wakers.add(waker)
        unwatch = self._journal.watch(waker.set)
        try:
            while not self._is_stopped:
                waker.clear()
                page = await self._page(after, file_id)
                for event in page:
                    yield event
                    after = event.event_id
                if len(page) < PAGE:
                    await self._wait(waker)
        finally:
            unwatch()
            self._wakers.discard(waker)

    def stop(self) -> None:
        """End all that follow, and whoever comes later."""
        self._is_stopped = True
        for waker in self._wakers:
            waker.set()

    async def _page(self, after: int, file_id: FileId | None) -> Sequence[LoggedEvent]:
        try:
            return await self._journal.after(after, limit=PAGE, file_id=file_id)
        except RetryableError as error:
            log.warning("event_feed_delayed", error=error.message)
            return ()

    async def _wait(self, waker: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await waker.wait()
        if not self._is_stopped:
            await asyncio.sleep(GATHER_SECONDS)
