"""``python -m benchmarks.blend_latency``: what blending costs a query.

1,000 calls with two legs of 100 candidates each, half of them in both; ten hits are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from actors.adapters.tantivy_faiss.documents import document_of, row_of
from actors.adapters.tantivy_faiss.rows import Row, to_match
from benchmarks.relevance_sets import hits_of
from benchmarks.texts import TextMaker
from domain.blend_options import BlendOptions, Collapse
from domain.blending import blend
from domain.models.chunks import Chunk, EmbeddedChunk, Embedding
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Match, Query
from pipelines.hit_making import KEYWORD, VECTOR

CALLS = 1_000
PER_LEG = 100
DIMENSION = 384
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN = BlendOptions(neighbours=0.0, headings=0.0, collapse=Collapse.NONE)
EVERYTHING = BlendOptions(recency=0.1, diversity=0.1, calibration=0.1)


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Milliseconds of one call: of the processor, and by the clock."""

    what: str
    cpu_p50: float
    cpu_p95: float
    wall_p50: float
    wall_p95: float


@dataclass(frozen=True, slots=True)
class Found:
    legs: dict[str, list[Match]]
    embedding: Embedding


def main() -> None:
    for result in blend_latencies():
        print(
            f"{result.what}: processor {result.cpu_p50:.2f} ms p50, {result.cpu_p95:.2f} p95; "
            f"clock {result.wall_p50:.2f} p50, {result.wall_p95:.2f} p95"
        )


def blend_latencies() -> Iterator[LatencyResult]:
    found = list(_found(50))
    query = Query("which pump leaks?", limit=10)

    def whole(options: BlendOptions, one: Found) -> None:
        hits_of(one.legs, query, options, embedding=one.embedding, now=NOW)

    yield _timed("fusion alone", lambda one: blend(one.legs, PLAIN, limit=10), found)
    yield _timed("… with hits read", lambda one: hits_of(one.legs, query, PLAIN), found)
    yield _timed(
        "… and compared by vector",
        lambda one: whole(PLAIN, one),
        found,
    )
    yield _timed("… and neighbours", lambda one: whole(replace(PLAIN, neighbours=0.3), one), found)
    yield _timed("the default, with folding", lambda one: whole(BlendOptions(), one), found)
    yield _timed("everything", lambda one: whole(EVERYTHING, one), found)


def _timed(what: str, call: Callable[[Found], object], found: Sequence[Found]) -> LatencyResult:
    for one in found[:10]:
        call(one)
    cpu, wall = [], []
    for number in range(CALLS):
        one = found[number % len(found)]
        before = time.thread_time(), time.perf_counter()
        call(one)
        cpu.append(time.thread_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    percentiles = [np.percentile(each, (50, 95)) * 1_000 for each in (cpu, wall)]
    return LatencyResult(what, *(float(each) for pair in percentiles for each in pair))


def _found(queries: int) -> Iterator[Found]:
    """Legs that have half of their candidates in common, as they come from the index."""
    generator = np.random.default_rng(1)
    rows = _rows(generator)
    for _ in range(queries):
        places = generator.permutation(len(rows))[: PER_LEG * 3 // 2]
        embedding = _unit(generator)
        by_words, by_meaning = places[:PER_LEG], places[-PER_LEG:]
        yield Found(
            {
                KEYWORD: [to_match(rows[n], 20.0 - 0.1 * k) for k, n in enumerate(by_words)],
                VECTOR: [to_match(rows[n], 0.8 - 0.003 * k) for k, n in enumerate(by_meaning)],
            },
            embedding,
        )


def _rows(generator: np.random.Generator) -> list[Row]:
    file_id = FileId(UUID(int=1))
    chunks = []
    for number, text in enumerate(TextMaker("blending").texts(1_000)):
        record = Record(
            source_type=("slack", "gong", "csv")[number % 3],
            native_id=str(number),
            content_type=ContentType.MESSAGE,
            content=text,
            place=Place(0, len(text)),
            timestamp=NOW - timedelta(days=number),
        )
        chunk_id = derive_chunk_id(record.record_id, 0, "made up")
        chunk = Chunk(chunk_id, record, 0, text, 0, len(text))
        chunks.append(EmbeddedChunk(chunk, file_id, _unit(generator)))
    return [row_of(document_of(one, number)) for number, one in enumerate(chunks)]


def _unit(generator: np.random.Generator) -> Embedding:
    """Texts of one company are more alike than chance would have it."""
    vector = generator.standard_normal(DIMENSION).astype(np.float32) + 0.7
    unit: Embedding = vector / np.linalg.norm(vector)
    return unit


if __name__ == "__main__":
    main()
