"""Imports wait while the circuit breaker of a store that they need is open."""

from __future__ import annotations

import asyncio

from actors.breakers import Breakers, Dependency, Sleep, asked_delay
from domain.breaker import BreakerState
from domain.errors import RetryableError

IMPORTS_NEED = (Dependency.POSTGRES, Dependency.OBJECTS, Dependency.INDEX_WRITES)
"""While one of them is away, no import begins or goes on."""

UNTOLD_SECONDS = 5.0
"""Longest wait for a breaker of another process of which the hub has said nothing."""


class BreakerPause:
    """Fulfils ``conductor.Pause`` with the breakers of the conductor's process."""

    def __init__(self, breakers: Breakers, *, sleep: Sleep = asyncio.sleep) -> None:
        self._breakers = breakers
        self._sleep = sleep

    async def over(self, after: RetryableError | None = None) -> None:
        if after is not None and self._is_untold(after):
            await self._sleep(min(asked_delay(after), UNTOLD_SECONDS))
        await self._breakers.admitting(*IMPORTS_NEED)

    def _is_untold(self, error: RetryableError) -> bool:
        """Whether a worker's breaker has refused a call, while all is well as far as we know."""
        if "breaker" not in error.details:
            return False
        dependency = Dependency(error.details["dependency"])
        return self._breakers[dependency].state is BreakerState.CLOSED
