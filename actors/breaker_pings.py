"""While a breaker is not closed its dependency is pinged; an answer closes it before its time."""

from __future__ import annotations

import asyncio
import random

import structlog

from actors.breakers import Breakers, Dependency, Gate, Sleep
from domain.breaker import BreakerState

log = structlog.get_logger(__name__)

PING_EVERY_SECONDS = 1.0
PING_SECONDS = 5.0
"""A ping that takes longer was not answered."""


async def ping_what_is_away(breakers: Breakers, *, sleep: Sleep = asyncio.sleep) -> None:
    """Ping, about once a second, until cancelled. In the loop in which the adapters live."""
    async with asyncio.TaskGroup() as all_pings:
        for dependency in Dependency:
            all_pings.create_task(_ping_while_away(breakers[dependency], sleep))


async def _ping_while_away(gate: Gate, sleep: Sleep) -> None:
    while True:
        await sleep(PING_EVERY_SECONDS * random.uniform(0.8, 1.2))
        if gate.state is not BreakerState.CLOSED and await _answers(gate):
            gate.note_ping()


async def _answers(gate: Gate) -> bool:
    if gate.ping is None:
        return False
    try:
        async with asyncio.timeout(PING_SECONDS):
            await gate.ping()
    # Whatever a ping ends in, the next one may do better; the task must outlive it.
    except Exception as error:
        log.debug("ping_not_answered", dependency=gate.dependency, error=str(error))
        return False
    return True
