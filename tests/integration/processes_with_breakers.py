"""Processes of one Ray whose breakers gossip by the hub; run by ``test_breaker_hub``.

Leaves how long each step took, in seconds, in ``took.json`` of the data directory.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from actors.settings import Settings
from serve_app.ray_environment import ray_environment, ray_temp_dir, ray_token_file

STEP_SECONDS = 60.0


async def within(step: Callable[[], Awaitable[bool]]) -> float:
    """Seconds until it is so."""
    started = time.monotonic()
    async with asyncio.timeout(STEP_SECONDS):
        while not await step():  # noqa: ASYNC110 - what is asked is in other processes
            await asyncio.sleep(0.01)
    return round(time.monotonic() - started, 3)


async def story(settings: Settings) -> dict[str, float]:
    import ray

    from actors.adapters.system_clock import SystemClock
    from actors.breaker_hub import ACTOR_NAME, BreakerHubActor, gossiping
    from actors.breakers import Breakers, Dependency
    from actors.namespace import NAMESPACE
    from domain.breaker import BreakerState
    from domain.errors import IndexUnavailableError
    from tests.integration.process_with_breakers import OtherProcess

    kind: Any = BreakerHubActor
    hub = kind.options(name=ACTOR_NAME, namespace=NAMESPACE).remote(settings)
    other = ray.remote(num_cpus=0)(OtherProcess).remote()
    here = Breakers(SystemClock())
    index = here[Dependency.INDEX]

    def trip() -> None:
        while index.state is BreakerState.CLOSED:
            try:
                with index.calling():
                    raise IndexUnavailableError("away")
            except IndexUnavailableError:
                pass

    async def other_is(state: BreakerState) -> bool:
        seen: str = await other.state.remote()
        return seen == state

    async def hub_lives() -> bool:
        try:
            return await hub.ping.remote() > 0
        except ray.exceptions.RayError:
            return False

    took: dict[str, float] = {}
    async with gossiping(here):
        await within(lambda: other_is(BreakerState.CLOSED))
        await within(hub_lives)
        trip()
        took["opened"] = await within(lambda: other_is(BreakerState.OPEN))
        await other.close.remote()

        async def closed_here() -> bool:
            return index.state is BreakerState.CLOSED

        took["closed"] = await within(closed_here)
        os.kill(await hub.ping.remote(), signal.SIGKILL)
        trip()
        took["opened_after_the_hubs_death"] = await within(lambda: other_is(BreakerState.OPEN))
    return took


def main() -> None:
    settings = Settings(data_dir=Path(sys.argv[1]))
    os.environ.update(ray_environment(ray_token_file(settings.data_dir)))
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 1024 * 1024,
        configure_logging=False,
        _temp_dir=str(ray_temp_dir(settings.data_dir)),
    )
    try:
        took = asyncio.run(story(settings))
        (settings.data_dir / "took.json").write_text(json.dumps(took))
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
