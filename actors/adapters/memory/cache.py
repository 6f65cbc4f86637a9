"""A cache in the process's own memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from domain.ports.clock import Clock

MAX_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD_BYTES = 200
"""About what an entry costs beside its key and value, so that tiny ones are bounded too."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    expires_at: float
    size_bytes: int


class InMemoryCache:
    """Bounded by bytes; the entry that was used the longest ago goes first."""

    def __init__(self, *, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._size_bytes = 0

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic() >= entry.expires_at:
            self._forget(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        self._forget(key)
        size = len(key.encode()) + len(value) + ENTRY_OVERHEAD_BYTES
        if size > self._max_bytes or ttl_seconds <= 0:
            return
        self._entries[key] = _Entry(value, self._clock.monotonic() + ttl_seconds, size)
        self._size_bytes += size
        while self._size_bytes > self._max_bytes:
            self._forget(next(iter(self._entries)))

    async def delete(self, key: str) -> None:
        self._forget(key)

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        self._entries.clear()
        self._size_bytes = 0

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= entry.size_bytes
