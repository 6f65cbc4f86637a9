"""A batch of which a part was refused is sent again: that part, and only that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

ATTEMPTS = 3
FIRST_WAIT_SECONDS = 0.2

Refused = Mapping[int, str]
"""Places in what was sent, and why each was not taken."""


async def send_all(
    objects: Sequence[T],
    send: Callable[[Sequence[T]], Awaitable[Refused]],
    *,
    first_wait_seconds: float = FIRST_WAIT_SECONDS,
) -> dict[int, str]:
    """Send, and send again what was refused; what stays refused, by its place in ``objects``.

    What ``send`` raises ends it: then any of them may be stored or not.
    """
    places = list(range(len(objects)))
    reasons: dict[int, str] = {}
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(first_wait_seconds * 2 ** (attempt - 1))
        refused = await send([objects[place] for place in places])
        reasons = {places[at]: reason for at, reason in refused.items()}
        places = sorted(reasons)
        if not places:
            break
    return reasons
