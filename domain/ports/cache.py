"""Short-lived answers."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """Keeps bytes for a while; losing an entry is always allowed, returning a wrong one never.

    Every method may raise ``CacheUnavailableError``, soon; callers go on without.
    """

    async def get(self, key: str) -> bytes | None:
        """The value set under ``key``, or ``None`` when absent or past its time to live."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        """Keep ``value`` under ``key`` for at most ``ttl_seconds``, replacing what was there."""
        ...

    async def delete(self, key: str) -> None:
        """Forget ``key``; an absent one is no error."""
        ...

    async def ping(self) -> None:
        """Return when the cache answers; raise ``CacheUnavailableError`` when it does not."""
        ...

    async def close(self) -> None: ...
