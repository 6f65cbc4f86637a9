"""Connections of an actor: opened on first use, since a Ray constructor cannot await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OpenedOnce(Generic[T]):
    """Opens something when it is first asked for; an attempt that failed is made again."""

    def __init__(self, open_it: Callable[[], Awaitable[T]]) -> None:
        self._open_it = open_it
        self._lock = asyncio.Lock()
        self._opened: T | None = None

    async def get(self) -> T:
        """What was opened; raises what opening raises."""
        async with self._lock:
            if self._opened is None:
                self._opened = await self._open_it()
            return self._opened
