"""When requests are due, whatever became of those before: open-loop load.

A client that waits for an answer before it asks again sends less while the service is slow, and
so leaves out just the requests that would have been slow ("coordinated omission"). Here the times
are fixed beforehand, and latency counts from the time a request was due.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

SCHEDULES = ("poisson", "even")


def due_times(schedule: str, rate: float, seconds: float, *, seed: str = "") -> list[float]:
    """Seconds after the start at which requests are due, rising: ``rate`` of them a second.

    ``even`` has equal gaps. ``poisson`` is how independent callers come, of a Poisson process one
    with exactly so many arrivals: each at any time, whenever the others are.
    """
    count = round(rate * seconds)
    if schedule == "even":
        return [number / rate for number in range(count)]
    chance = random.Random(seed)
    return sorted(chance.uniform(0, seconds) for _ in range(count))


async def on_schedule(
    due: Iterable[float], act: Callable[[int, float], Coroutine[Any, Any, None]]
) -> None:
    """Call ``act(number, moment)`` when each is due, and return when all have ended.

    ``moment`` is the loop's time at which it was due: later than that by what the client itself
    is late.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as acts:
        for number, offset in enumerate(due):
            moment = start + offset
            # Even when it is late, others have to have their turn.
            await asyncio.sleep(max(0.0, moment - loop.time()))
            acts.create_task(act(number, moment))
