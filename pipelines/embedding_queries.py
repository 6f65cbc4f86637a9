"""Vectors of queries, of those that come at the same time together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from domain.models.chunks import Embedding
from domain.ports.embedder import Embedder

MAX_TOGETHER = 8
"""As many as a replica is meant to work on. More would leave its event loop without work until
their vectors come; four are 6 % fewer answers where two replicas share two cores."""

MAX_SHORT_CHARS = 200
"""A longer text would hold up the short ones for as long as many of them take."""

Embed = Callable[[Embedder, str], Awaitable[Embedding]]


async def embed_alone(embedder: Embedder, text: str) -> Embedding:
    rows = await asyncio.to_thread(embedder.embed, [text])
    vector: Embedding = rows[0]
    return vector


class _Waiting(NamedTuple):
    embedder: Embedder
    text: str
    vector: asyncio.Future[Embedding]


class QueryBatches:
    """While one run of the model goes on, queries gather for the next. For one event loop.

    A run reads all weights from memory, however few its texts are: for short ones that is most
    of its time, so that four together take about half as long as four alone. Nobody waits for
    others to come.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "query-embedder")

    async def embed(self, embedder: Embedder, text: str) -> Embedding:
        """Fulfils ``Embed``. Raises whatever the embedder raises, for all of its run."""
        if len(text) > MAX_SHORT_CHARS:
            return await embed_alone(embedder, text)
        vector: asyncio.Future[Embedding] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(embedder, text, vector))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await vector

    async def _run(self) -> None:
        try:
            while batch := self._next_batch():
                await self._embed_batch(batch)
        finally:
            self._running = None

    def _next_batch(self) -> list[_Waiting]:
        """Those who want the model that the first one wants, and still want it."""
        waiting = [one for one in self._waiting if not one.vector.done()]
        model = waiting[0].embedder.model if waiting else ""
        batch = [one for one in waiting if one.embedder.model == model][:MAX_TOGETHER]
        self._waiting = [one for one in waiting if one not in batch]
        return batch

    async def _embed_batch(self, batch: list[_Waiting]) -> None:
        texts = [one.text for one in batch]
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(self._thread, batch[0].embedder.embed, texts)
        except Exception as error:
            for one in batch:
                if not one.vector.done():
                    one.vector.set_exception(error)
            return
        for one, row in zip(batch, rows, strict=True):
            if not one.vector.done():
                one.vector.set_result(row)
