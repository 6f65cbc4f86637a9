"""The history of queries: kept in memory for a moment, written in batches, never waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from domain.errors import RetryableError
from domain.ports.metadata_store import HistoryEntry, QueryHistory

log = structlog.get_logger(__name__)

BATCH = 1_000


class HistoryBuffer:
    """Takes entries at once and writes them later; when it is full the oldest are dropped."""

    def __init__(
        self, history: QueryHistory, *, capacity: int = 10_000, interval_seconds: float = 1.0
    ) -> None:
        self._history = history
        self._entries: deque[HistoryEntry] = deque(maxlen=capacity)
        self._interval_seconds = interval_seconds
        self.dropped = 0

    def add(self, entry: HistoryEntry) -> None:
        if len(self._entries) == self._entries.maxlen:
            self.dropped += 1
        self._entries.append(entry)

    async def flush(self) -> None:
        """Write everything that waits. What the store refuses goes back in front.

        Raises:
            StoreUnavailableError: the rest is still waiting.
        """
        while self._entries:
            batch = [self._entries.popleft() for _ in range(min(BATCH, len(self._entries)))]
            try:
                await self._history.append(batch)
            except RetryableError:
                self._put_back(batch)
                raise

    def _put_back(self, batch: list[HistoryEntry]) -> None:
        room = (self._entries.maxlen or 0) - len(self._entries)
        kept = batch[-room:] if room else []
        self.dropped += len(batch) - len(kept)
        self._entries.extendleft(reversed(kept))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Flush every interval in the background, and once more at the end."""
        stopping = asyncio.Event()
        task = asyncio.create_task(self._flush_until(stopping))
        try:
            yield
        finally:
            stopping.set()
            await task
            await self._flush_or_log()

    async def _flush_until(self, stopping: asyncio.Event) -> None:
        """Never cancelled, since a batch in the middle of being written would be lost."""
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._interval_seconds)
            await self._flush_or_log()

    async def _flush_or_log(self) -> None:
        try:
            await self.flush()
        except RetryableError as error:
            log.warning("query_history_not_written", error=error.message)
