"""A process of its own with breakers, for ``processes_with_breakers``."""

from __future__ import annotations

from actors.adapters.system_clock import SystemClock
from actors.breaker_hub import start_gossip
from actors.breakers import Breakers, Dependency


class OtherProcess:
    """An actor that sees the index by hearsay alone, until it finds that it answers."""

    async def state(self) -> str:
        return self._index().state.value

    async def close(self) -> None:
        """Let the recovery time be over, and a probe succeed."""
        index = self._index()
        index._breaker.open(0.0)
        with index.calling():
            pass

    def _index(self):  # type: ignore[no-untyped-def]
        if not hasattr(self, "_breakers"):
            self._breakers = Breakers(SystemClock())
            self._gossip = start_gossip(self._breakers)
        return self._breakers[Dependency.INDEX]
