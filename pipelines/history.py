"""The history of queries: kept in memory for a moment, written in batches, never waited for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from domain.errors import RetryableError
from domain.ports.query_history import HistoryEntry, QueryHistory

log = structlog.get_logger(__name__)

BATCH = 1_000

SAMPLING = ((0.75, 16), (0.5, 4))
"""From which fill of the buffer on it takes one entry of so many, which stands for all of them."""


class HistoryBuffer:
    """Takes entries at once and writes them later.

    The fuller it is, the fewer it takes, each standing for more; when it is full the oldest are
    dropped.
    """

    def __init__(
        self, history: QueryHistory, *, capacity: int = 10_000, interval_seconds: float = 1.0
    ) -> None:
        self._history = history
        self._entries: deque[HistoryEntry] = deque(maxlen=capacity)
        self._capacity = capacity
        self._interval_seconds = interval_seconds
        self._passed_over = 0
        self.dropped = 0

    def add(self, entry: HistoryEntry) -> None:
        self._passed_over += 1
        if self._passed_over < self._one_of():
            return
        if len(self._entries) == self._capacity:
            self.dropped += self._entries[0].weight
        self._entries.append(replace(entry, weight=self._passed_over))
        self._passed_over = 0

    def _one_of(self) -> int:
        fill = len(self._entries) / self._capacity
        return next((one_of for from_fill, one_of in SAMPLING if fill >= from_fill), 1)

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
        room = self._capacity - len(self._entries)
        kept = batch[-room:] if room else []
        self.dropped += sum(entry.weight for entry in batch[: len(batch) - len(kept)])
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
