"""Opening what may not be up yet."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import structlog

from actors.bootstrap import Services, open_services
from actors.breakers import Breakers
from actors.settings import Settings
from domain.errors import RetryableError

T = TypeVar("T")

log = structlog.get_logger(__name__)


async def patiently(open_it: Callable[[], Awaitable[T]], *, seconds: float = math.inf) -> T:
    """Open something that may not be up yet, trying again until it is, or for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await open_it()
        except RetryableError as error:
            if time.monotonic() > deadline:
                raise
            log.warning("store_awaited", error=error.message)
            await asyncio.sleep(1.0)


@asynccontextmanager
async def services_once_there(settings: Settings, breakers: Breakers) -> AsyncIterator[Services]:
    """As ``open_services``; a store that is away, or left alone, is waited for.

    For a replica: Serve gives a deployment up for good when three did not start. What is wrong at
    a service's first start, the index writer has found before.
    """
    async with AsyncExitStack() as stack:
        yield await patiently(
            lambda: stack.enter_async_context(open_services(settings, breakers=breakers))
        )
