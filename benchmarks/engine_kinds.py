"""What ``benchmarks.engines`` compares: each is opened, filled and asked in the same way.

LanceDB is in a module of its own, as it need not be installed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from uuid import NAMESPACE_OID, uuid5

import asyncpg
import numpy as np
from numpy.typing import NDArray

from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter

DIMENSION = 384
DEPTH = 100
NEAREST = 10
EVERYTHING = SearchFilter()
FILE = FileId(uuid5(NAMESPACE_OID, "benchmark"))

Matrix = NDArray[np.float32]


class Engine(Protocol):
    """Finds chunks, which are named by their places in the corpus.

    A search ranks ``DEPTH`` chunks and returns the first ``NEAREST``, with their texts read.
    """

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None: ...

    async def settle(self) -> None:
        """Build whatever makes searches fast."""
        ...

    async def by_words(self, text: str) -> Sequence[int]: ...

    async def by_vector(self, vector: NDArray[np.float32]) -> Sequence[int]: ...


@runtime_checkable
class FilteringEngine(Engine, Protocol):
    """Can be confined as queries of Headrace are; may be folded in while it is written to."""

    async def by_words(self, text: str, where: SearchFilter = EVERYTHING) -> Sequence[int]: ...

    async def by_vector(
        self, vector: NDArray[np.float32], where: SearchFilter = EVERYTHING
    ) -> Sequence[int]: ...

    async def newest(self, where: SearchFilter) -> int:
        """How many of the newest ``DEPTH`` there are."""
        ...


class Kind(Protocol):
    """An engine that can be opened in a directory, as often as one likes."""

    @property
    def name(self) -> str: ...

    def opened(self, directory: Path) -> AbstractAsyncContextManager[Engine]: ...


class Tantivy:
    """tantivy and FAISS (ADR 31), through the port."""

    name = "tantivy"

    def __init__(self, index: TantivySearchIndex) -> None:
        self._index = index

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory: Path) -> AsyncIterator[Engine]:
        index = await TantivySearchIndex.open(directory, dimension=DIMENSION)
        try:
            yield cls(index)
        finally:
            await index.close()

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None:
        await self._index.upsert(
            [chunk_of(first + n, text, vectors[n]) for n, text in enumerate(texts)]
        )

    async def settle(self) -> None:
        await self._index.optimize()

    async def by_words(self, text: str, where: SearchFilter = EVERYTHING) -> Sequence[int]:
        found = await self._index.search_keyword(text, limit=DEPTH, where=where)
        return [match.read().start for match in found[:NEAREST]]

    async def by_vector(
        self, vector: NDArray[np.float32], where: SearchFilter = EVERYTHING
    ) -> Sequence[int]:
        found = await self._index.search_vector(vector, limit=DEPTH, where=where)
        return [match.read().start for match in found[:NEAREST]]

    async def newest(self, where: SearchFilter) -> int:
        return len(await self._index.newest(limit=DEPTH, where=where))


class PgVector:
    """A table of PostgreSQL with an HNSW index and full text search."""

    name = "pgvector"

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory: Path) -> AsyncIterator[Engine]:
        server = EmbeddedPostgres(directory)
        connection = await asyncpg.connect(server.start())
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            await connection.execute(
                f"CREATE TABLE chunks (place BIGINT PRIMARY KEY, text TEXT, "
                f"vector VECTOR({DIMENSION}), words TSVECTOR "
                "GENERATED ALWAYS AS (to_tsvector('english', text)) STORED)"
            )
            yield cls(connection)
        finally:
            await connection.close()
            server.stop()

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None:
        await self._connection.executemany(
            "INSERT INTO chunks VALUES ($1, $2, $3::text::vector) ON CONFLICT (place) DO UPDATE "
            "SET text = excluded.text, vector = excluded.vector",
            [(first + n, text, _literal(vectors[n])) for n, text in enumerate(texts)],
        )

    async def settle(self) -> None:
        await self._connection.execute("SET maintenance_work_mem = '1GB'")
        await self._connection.execute("CREATE INDEX ON chunks USING gin (words)")
        await self._connection.execute(
            "CREATE INDEX ON chunks USING hnsw (vector vector_ip_ops) "
            "WITH (m = 16, ef_construction = 128)",
            timeout=7_200,
        )
        await self._connection.execute("SET hnsw.ef_search = 150")
        await self._connection.execute("ANALYZE chunks")

    async def by_words(self, text: str) -> Sequence[int]:
        rows = await self._connection.fetch(
            "WITH q AS (SELECT replace(plainto_tsquery('english', $1)::text, '&', '|')::tsquery AS"
            " q) SELECT place, text FROM chunks, q WHERE words @@ q.q"
            f" ORDER BY ts_rank(words, q.q) DESC LIMIT {DEPTH}",
            text,
        )
        return [row["place"] for row in rows[:NEAREST]]

    async def by_vector(self, vector: NDArray[np.float32]) -> Sequence[int]:
        rows = await self._connection.fetch(
            f"SELECT place, text FROM chunks ORDER BY vector <#> $1::text::vector LIMIT {DEPTH}",
            _literal(vector),
        )
        return [row["place"] for row in rows[:NEAREST]]


def author_of(place: int) -> str:
    """One of 100."""
    return f"Ada{place % 25} Lovelace{place % 20}"


def channel_of(place: int) -> str:
    """One of 40."""
    return f"channel {place % 40}"


def chunk_of(place: int, text: str, vector: NDArray[np.float32]) -> EmbeddedChunk:
    record = Record(
        "csv",
        str(place),
        ContentType.RECORD,
        text,
        Place(place, place + 1),
        author=author_of(place),
        metadata={"channel": channel_of(place)},
    )
    chunk_id = derive_chunk_id(record.record_id, 0, "benchmark")
    return EmbeddedChunk(Chunk(chunk_id, record, 0, text, place, place + len(text)), FILE, vector)


def _literal(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"
