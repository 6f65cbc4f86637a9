"""Calls of Weaviate end at their deadline, or as soon as the server is known to be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from httpx import HTTPError
from weaviate import WeaviateAsyncClient
from weaviate.exceptions import WeaviateBaseError, WeaviateConnectionError

from actors.adapters.weaviate.errors import translated
from actors.store_settings import WeaviateSettings

PATIENCE_SECONDS = 0.5


class Calls:
    """Bounds what is done inside; raises ``IndexUnavailableError`` for all that goes wrong there.

    The client tries for a minute to reach a server that is away, and cannot be told otherwise. So
    a call that takes long has somebody ask over REST whether the server lives.
    """

    def __init__(self, client: WeaviateAsyncClient, settings: WeaviateSettings) -> None:
        self._client = client
        self._settings = settings

    @asynccontextmanager
    async def reading(self, action: str) -> AsyncIterator[None]:
        async with self._bounded(action, self._settings.query_timeout_seconds):
            yield

    @asynccontextmanager
    async def writing(self, action: str) -> AsyncIterator[None]:
        async with self._bounded(action, self._settings.write_timeout_seconds):
            yield

    @asynccontextmanager
    async def checking(self) -> AsyncIterator[None]:
        async with self._bounded("answer", self._settings.connect_timeout_seconds):
            yield

    @asynccontextmanager
    async def _bounded(self, action: str, seconds: float) -> AsyncIterator[None]:
        with translated(self._settings.url, action):
            watch = None
            try:
                async with asyncio.timeout(seconds) as deadline:
                    watch = asyncio.create_task(self._expire_when_away(deadline))
                    yield
            except TimeoutError:
                if watch and watch.done() and not watch.cancelled():
                    raise WeaviateConnectionError("away") from None
                raise
            finally:
                if watch:
                    watch.cancel()

    async def _expire_when_away(self, deadline: asyncio.Timeout) -> None:
        while True:
            await asyncio.sleep(PATIENCE_SECONDS)
            if not await self._is_there():
                break
        deadline.reschedule(asyncio.get_running_loop().time())

    async def _is_there(self) -> bool:
        # The client's ``is_live`` prints to the standard output.
        try:
            await self._client.get_meta()
        except (WeaviateConnectionError, HTTPError):
            return False
        except WeaviateBaseError:
            return True
        return True
