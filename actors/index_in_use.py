"""The index that queries are answered from and its model, which change together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from domain.errors import HeadraceError
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.indexes import IndexPlace
from domain.models.search import KeptChunk, Match, SearchFilter
from domain.ports.clock import Clock
from domain.ports.embedder import Embedder
from domain.ports.search_index import SearchIndex

log = structlog.get_logger(__name__)

CLOSE_AFTER_SECONDS = 60.0
"""Queries that began on an index before it was changed have ended by then."""


@dataclass(frozen=True, slots=True)
class Searched:
    """An index and the model of its vectors, open."""

    place: IndexPlace
    index: SearchIndex
    embedder: Embedder

    async def close(self) -> None:
        await self.index.close()
        self.embedder.close()


class IndexInUse:
    """Holds the present pair. ``follow`` opens another one and then takes its place."""

    def __init__(
        self,
        present: Searched,
        *,
        open_other: Callable[[IndexPlace], Awaitable[Searched]],
        clock: Clock,
    ) -> None:
        self.present = present
        self._open_other = open_other
        self._clock = clock
        self._left: list[tuple[float, Searched]] = []
        self._changing = asyncio.Lock()

    async def follow(self, active: IndexPlace | None) -> bool:
        """Use the active index from now on; whether that is another one.

        If it cannot be opened the one before stays in use, until the next call.
        """
        async with self._changing:
            await self._close_left()
            if active is None or active.model == self.present.place.model:
                return False
            try:
                opened = await self._open_other(active)
            except HeadraceError as error:
                log.error("index_not_changed", model=active.model, error=error.message)
                return False
            self._left.append((self._clock.monotonic(), self.present))
            self.present = opened
            log.info("index_in_use_changed", model=active.model)
            return True

    async def close(self) -> None:
        for _, searched in self._left:
            await searched.close()
        await self.present.close()

    async def _close_left(self) -> None:
        now = self._clock.monotonic()
        due = [pair for pair in self._left if now - pair[0] >= CLOSE_AFTER_SECONDS]
        self._left = [pair for pair in self._left if pair not in due]
        for _, searched in due:
            await searched.close()


class CurrentIndex:
    """``SearchIndex`` that is always the one in use."""

    def __init__(self, in_use: IndexInUse) -> None:
        self._in_use = in_use

    @property
    def _index(self) -> SearchIndex:
        return self._in_use.present.index

    @property
    def dimension(self) -> int:
        return self._index.dimension

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        return await self._index.search_vector(embedding, limit=limit, where=where, text=text)

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        return await self._index.search_keyword(text, limit=limit, where=where)

    async def score_keyword(self, text: str, matches: Sequence[Match]) -> list[Match]:
        return await self._index.score_keyword(text, matches)

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        return await self._index.newest(limit=limit, where=where)

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await self._index.upsert(chunks)

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        await self._index.delete(chunk_ids)

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        await self._index.reassign(record_ids, file_id)

    async def optimize(self) -> None:
        await self._index.optimize()

    async def count(self) -> int:
        return await self._index.count()

    def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        return self._index.chunk_ids()

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        return await self._index.fetch(chunk_ids)

    async def refresh(self) -> None:
        await self._index.refresh()

    async def ping(self) -> None:
        await self._index.ping()

    async def close(self) -> None:
        """Closed with ``IndexInUse``."""


class CurrentEmbedder:
    """``Embedder`` that is always that of the index in use."""

    def __init__(self, in_use: IndexInUse) -> None:
        self._in_use = in_use

    @property
    def _embedder(self) -> Embedder:
        return self._in_use.present.embedder

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._embedder.embed(texts)

    def close(self) -> None:
        """Closed with ``IndexInUse``."""
