"""Stores that can be told to be away, as if the network to them were down."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from actors.adapters.memory.cache import InMemoryCache
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.object_store import InMemoryObjectStore
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.postgres.database import Connection, Database, Row
from domain.errors import (
    CacheUnavailableError,
    EmbedderUnavailableError,
    IndexUnavailableError,
    ObjectStoreUnavailableError,
    RetryableError,
    StoreUnavailableError,
)
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.files import StoredObject
from domain.models.ids import ChunkId, ObjectKey
from domain.models.search import Match, SearchFilter


class Away:
    """A switch, and how many calls it has seen."""

    def __init__(self, error: type[RetryableError]) -> None:
        self._error = error
        self.now = False
        self.calls = 0

    def check(self) -> None:
        self.calls += 1
        if self.now:
            raise self._error("the network is down")


class FailingIndex(InMemorySearchIndex):
    def __init__(self, *, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.away = Away(IndexUnavailableError)

    async def search_vector(self, embedding: Embedding, **options: Any) -> list[Match]:
        self.away.check()
        return await super().search_vector(embedding, **options)

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        self.away.check()
        return await super().search_keyword(text, limit=limit, where=where)

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        self.away.check()
        await super().upsert(chunks)

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        self.away.check()
        await super().delete(chunk_ids)

    async def count(self) -> int:
        self.away.check()
        return await super().count()

    async def ping(self) -> None:
        self.away.check()


class FailingObjects(InMemoryObjectStore):
    def __init__(self) -> None:
        super().__init__()
        self.away = Away(ObjectStoreUnavailableError)

    async def store(
        self, data: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredObject:
        self.away.check()
        return await super().store(data, max_bytes=max_bytes)

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[BinaryIO]:
        self.away.check()
        async with super().open(key) as raw:
            yield raw

    async def size(self, key: ObjectKey) -> int:
        self.away.check()
        return await super().size(key)


class FailingCache(InMemoryCache):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.away = Away(CacheUnavailableError)

    async def get(self, key: str) -> bytes | None:
        self.away.check()
        return await super().get(key)

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        self.away.check()
        await super().set(key, value, ttl_seconds=ttl_seconds)

    async def delete(self, key: str) -> None:
        self.away.check()
        await super().delete(key)


class FailingEmbedder(HashEmbedder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.away = Away(EmbedderUnavailableError)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.away.check()
        return super().embed(texts)


class FailingDatabase(Database):
    """The connections below a ``PostgresMetadataStore``; give it this one to let it be away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.away = Away(StoreUnavailableError)

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        self.away.check()
        return await super().fetch(sql, *values)

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
        self.away.check()
        await super().copy(table, columns, rows)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        self.away.check()
        async with super().snapshot() as connection:
            yield connection

    @asynccontextmanager
    async def plain_transaction(self) -> AsyncIterator[Connection]:
        self.away.check()
        async with super().plain_transaction() as connection:
            yield connection
