"""The index engine at one size: what filling it takes, and then what asking it takes.

Each is done in a process of its own, so that memory is that of the one thing: filling that of the
index writer, asking that of an API replica.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from actors.index_writer import FRESH_CHUNKS_BEFORE_OPTIMIZE, FRESH_SHARE_BEFORE_OPTIMIZE
from benchmarks.engine_kinds import DIMENSION
from benchmarks.growth_corpus import Corpus, Matrix
from benchmarks.queries import percentiles
from domain.models.search import Match, Query, SearchFilter
from pipelines.querying import QueryEngine

DEPTH = 100
"""Candidates of each leg, as the product asks for."""

NEAREST = 10
WARM_UP = 20
LAST_COMMITS = 50
"""Commits at the end of filling, into an index that is nearly full."""

EVERYTHING = SearchFilter()
FILTERS = {
    "one of 40 channels": SearchFilter(places=("Channel 7",)),
    "one of 100 authors": SearchFilter(authors=("ada7 lovelace7",)),
}

Ask = Callable[[int], Awaitable[object]]
"""Asks the question of this number."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Milliseconds are those of a commit of ``BLOCK`` chunks, without folding in.

    ``making_seconds`` went into making up texts and vectors. ``peak_mb`` is the process's largest
    resident set beyond that before the index was opened.
    """

    seconds: float
    making_seconds: float
    folding_seconds: float
    commit_ms: Mapping[str, float]
    last_commits_ms: Mapping[str, float]
    peak_mb: float
    words_bytes: int
    vectors_bytes: int
    graphs: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds by way of asking; megabytes are beyond those before the index was opened.

    ``resident_mb`` is the proportional set size (PSS) where the system knows it, and has what is
    read of mapped files; ``own_mb`` (USS) is what would be freed.
    """

    questions: int
    open_seconds: float
    latency_ms: Mapping[str, Mapping[str, float]]
    resident_mb: float
    own_mb: float
    recall: float


def fill(corpus: Corpus, directory: Path) -> Filled:
    """Write all chunks as an import does, folding in as often as the index writer does."""
    return asyncio.run(_fill(corpus, directory))


async def _fill(corpus: Corpus, directory: Path) -> Filled:
    before = psutil.Process().memory_info().rss
    index = await TantivySearchIndex.open(directory, dimension=DIMENSION)
    commits, folding, written, fresh = [], 0.0, 0, 0
    began = time.perf_counter()
    for chunks in corpus.blocks():
        commits.append(await _seconds(partial(index.upsert, chunks)))
        written, fresh = written + len(chunks), fresh + len(chunks)
        if fresh >= max(FRESH_CHUNKS_BEFORE_OPTIMIZE, written // FRESH_SHARE_BEFORE_OPTIMIZE):
            folding, fresh = folding + await _seconds(index.optimize), 0
    folding += await _seconds(index.optimize)
    seconds = time.perf_counter() - began
    graphs = len(await index.segment_rows())
    await index.close()
    vectors = sum(_size(path) for path in directory.iterdir() if _is_of_graphs(path))
    return Filled(
        seconds=seconds,
        making_seconds=seconds - sum(commits) - folding,
        folding_seconds=folding,
        commit_ms=percentiles([1000 * each for each in commits]),
        last_commits_ms=percentiles([1000 * each for each in commits[-LAST_COMMITS:]]),
        peak_mb=(_peak_bytes() - before) / 1e6,
        words_bytes=sum(_size(path) for path in directory.rglob("*")) - vectors,
        vectors_bytes=vectors,
        graphs=graphs,
    )


def ask(corpus: Corpus, directory: Path, questions: int) -> Asked:
    """Ask by words, by vector and by both, one question at a time, filtered and not."""
    return asyncio.run(_ask(corpus, directory, questions))


async def _ask(corpus: Corpus, directory: Path, questions: int) -> Asked:
    texts, vectors = corpus.questions(questions + WARM_UP)
    before, own_before = _memory()
    began = time.perf_counter()
    index = await TantivySearchIndex.open(directory, dimension=DIMENSION)
    open_seconds = time.perf_counter() - began
    latency_ms = await _latencies(ways_of_asking(index, texts, vectors), len(texts))
    resident, own = _memory()
    found = [
        _places(await index.search_vector(one, limit=DEPTH, where=EVERYTHING)) for one in vectors
    ]
    await index.close()
    return Asked(
        questions=questions,
        open_seconds=open_seconds,
        latency_ms=latency_ms,
        resident_mb=(resident - before) / 1e6,
        own_mb=(own - own_before) / 1e6,
        recall=recall(corpus.nearest(vectors, NEAREST), found),
    )


def ways_of_asking(
    index: TantivySearchIndex, texts: Sequence[str], vectors: Matrix
) -> dict[str, Ask]:
    """Each leg by itself, and the product's whole answer but for embedding the question."""
    engine = QueryEngine(
        index, KnownQuestions(texts, vectors), candidates_per_leg=DEPTH, leg_deadline_seconds=60.0
    )

    async def keyword(number: int) -> object:
        return _places(await index.search_keyword(texts[number], limit=DEPTH, where=EVERYTHING))

    async def vector(number: int) -> object:
        return _places(await index.search_vector(vectors[number], limit=DEPTH, where=EVERYTHING))

    def hybrid(where: SearchFilter) -> Ask:
        async def asked(number: int) -> object:
            return await engine.answer(Query(texts[number], where=where, is_plain=True))

        return asked

    filtered = {f"hybrid, {title}": hybrid(where) for title, where in FILTERS.items()}
    return {"keyword": keyword, "vector": vector, "hybrid": hybrid(EVERYTHING), **filtered}


class KnownQuestions:
    """Fulfils ``Embedder`` for texts whose vectors were made before."""

    model = "benchmark"
    dimension = DIMENSION
    max_tokens = 512

    def __init__(self, texts: Sequence[str], vectors: Matrix) -> None:
        self._vectors = dict(zip(texts, vectors, strict=True))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts])

    def close(self) -> None: ...


async def _latencies(ways: Mapping[str, Ask], questions: int) -> dict[str, dict[str, float]]:
    """In alternation, so that what else the machine does meets all ways alike."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(questions):
        for name, way in ways.items():
            seconds = await _seconds(partial(way, number))
            if number >= WARM_UP:
                times[name].append(1000 * seconds)
    return {name: percentiles(values) for name, values in times.items()}


def recall(nearest: NDArray[np.int64], found: Sequence[Sequence[int]]) -> float:
    """Which share of the nearest was found, over all questions."""
    hits = [len(set(true.tolist()) & set(ours)) for true, ours in zip(nearest, found, strict=True)]
    return sum(hits) / nearest.size


def _places(found: Sequence[Match]) -> list[int]:
    """Reads what ten hits show."""
    return [match.read().start for match in found[:NEAREST]]


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _memory() -> tuple[int, int]:
    """PSS and USS in bytes; where a system has no PSS, USS for both."""
    full = psutil.Process().memory_full_info()
    return getattr(full, "pss", full.uss), full.uss


def _peak_bytes() -> int:
    """The largest this process has been; the kernel counts in KiB, on macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _is_of_graphs(path: Path) -> bool:
    return path.suffix in (".faiss", ".numbers", ".rows", ".ends")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
