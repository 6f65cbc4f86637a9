"""``python -m benchmarks.mixed_load [--minutes 60]``: does a service at work stay as it is?

Small files are uploaded and older ones deleted, so that their number stays level, while questions
come at a steady rate, every other of them asked before. The memory of all processes (PSS) is
sampled, and latency counts from when a question was due. In the end the last quarter is compared
with the second, every file is reckoned with, and all stores are compared. ``--write`` keeps the
results in docs/benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import load_page, series_plots
from benchmarks.http_client import Answer, Pool, query_bytes, request_bytes
from benchmarks.imports import csv_of
from benchmarks.memory import memory_by_kind
from benchmarks.quarters import quarters, windows
from benchmarks.queries import POPULAR, fresh_texts, half_repeated, percentiles
from benchmarks.reckoning import known_files, wrong_files, wrong_with_stores
from benchmarks.schedule import due_times, on_schedule
from benchmarks.service import Service, fresh_service
from benchmarks.small_files import SmallFile, small_files
from benchmarks.texts import TextMaker

CONNECTIONS = 32
SAMPLE_SECONDS = 10.0
WINDOW_SECONDS = 60.0
"""Latency is shown by windows so long that p95 is one of many."""
MEMORY_LIMIT, LATENCY_LIMIT = 0.05, 0.10
"""How much the last quarter may be above the second."""
FIRST_NOTE = 10_000_000
"""Notes of the corpus have ids that no small file has."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What goes on at once, and on top of how many texts."""

    texts: int
    seconds: float
    query_rate: float
    upload_seconds: float
    live_files: int
    sample_seconds: float


@dataclass
class Book:
    """What was done and seen; times are seconds after the start."""

    accepted: dict[str, int] = field(default_factory=dict)
    live: deque[str] = field(default_factory=deque)
    deleted: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    cached: int = 0
    degraded: int = 0
    memory: list[tuple[float, Mapping[str, int]]] = field(default_factory=list)

    def is_good(self, what: str, answer: Answer, status: int) -> bool:
        """Whether the answer has the status; otherwise it is an error, with what it says."""
        if answer.status == status:
            return True
        self.errors[f"{what}: {answer.status} {answer.body[:200].decode(errors='replace')}"] += 1
        return False


class Traffic:
    """Everything that happens to the service, on one loop; ``book`` has what came of it."""

    def __init__(self, pool: Pool, mix: Mix, book: Book, data_dir: Path) -> None:
        self._pool = pool
        self._mix = mix
        self._book = book
        self._data_dir = data_dir
        self._files: Iterator[SmallFile] = small_files("mixed load")
        asked: set[str] = set()
        popular = list(islice(fresh_texts("popular", asked), POPULAR))
        self._texts = half_repeated(fresh_texts("mixed", asked), popular, "mixed")
        self._start = 0.0

    async def run(self) -> None:
        self._start = asyncio.get_running_loop().time()
        due = partial(due_times, "even", seconds=self._mix.seconds)
        await asyncio.gather(
            on_schedule(due(rate=self._mix.query_rate), self._ask),
            on_schedule(due(rate=1 / self._mix.upload_seconds), self._upload_and_delete),
            on_schedule(due(rate=1 / self._mix.sample_seconds), self._sample),
        )

    async def _ask(self, number: int, moment: float) -> None:
        answer = await self._pool.ask(query_bytes(next(self._texts)))
        if self._book.is_good("query", answer, 200):
            latency = asyncio.get_running_loop().time() - moment
            self._book.latencies.append((moment - self._start, latency * 1000))
            self._book.cached += b'"cached":true' in answer.body
            self._book.degraded += b'"degraded":true' in answer.body

    async def _upload_and_delete(self, number: int, moment: float) -> None:
        file = next(self._files)
        answer = await self._pool.ask(request_bytes("PUT", f"/v1/files/{file.name}", file.content))
        if self._book.is_good("upload", answer, 202):
            file_id = answer.json["id"]
            self._book.accepted[file_id] = file.records
            self._book.live.append(file_id)
        if len(self._book.live) > self._mix.live_files:
            await self._delete(self._book.live.popleft())

    async def _delete(self, file_id: str) -> None:
        answer = await self._pool.ask(request_bytes("DELETE", f"/v1/files/{file_id}"))
        if self._book.is_good("delete", answer, 202):
            self._book.deleted.add(file_id)

    async def _sample(self, number: int, moment: float) -> None:
        used = await asyncio.to_thread(memory_by_kind, self._data_dir)
        self._book.memory.append((moment - self._start, used))
        if number % 30 == 0:
            print(
                f"{moment - self._start:5.0f} s: {sum(used.values()) / 1e6:,.0f} MB, "
                f"{len(self._book.latencies):,} answers, {len(self._book.accepted):,} files, "
                f"{len(self._book.deleted):,} deleted, errors {self._book.errors.total()}",
                flush=True,
            )


async def drive(service: Service, mix: Mix, book: Book) -> None:
    async with Pool(service.port, CONNECTIONS) as pool:
        await Traffic(pool, mix, book, service.data_dir).run()


def measure(mix: Mix) -> tuple[dict[str, Any], Book]:
    """The page's results, and the book that plots are drawn from."""
    book = Book()
    with fresh_service() as service:
        print(f"importing {mix.texts:,} texts", flush=True)
        texts = list(TextMaker("corpus").texts(mix.texts))
        corpus = service.import_bytes("corpus.csv", csv_of(texts, first=FIRST_NOTE))
        service.settle()
        asyncio.run(drive(service, mix, book))
        print("waiting until all rests", flush=True)
        service.settle()
        accepted = book.accepted | {corpus["id"]: mix.texts}
        files = known_files(service, accepted)
        problems = wrong_files(accepted, files, deleted=frozenset(book.deleted))
        problems += wrong_with_stores(service)
        model = service.call("GET", "/v1/status")["model"]
    return results_of(mix, book, model, problems), book


def results_of(mix: Mix, book: Book, model: str, problems: Sequence[str]) -> dict[str, Any]:
    latency = {
        name: asdict(quarters(book.latencies, mix.seconds, partial(_percentile, name)))
        for name in ("p50_ms", "p95_ms")
    }
    memory = {
        kind: asdict(quarters(values, mix.seconds, fmean))
        for kind, values in memory_series(book).items()
    }
    return {
        "model": model,
        "mix": asdict(mix),
        "queries": len(book.latencies),
        "cached_share": book.cached / max(1, len(book.latencies)),
        "degraded": book.degraded,
        "uploads": len(book.accepted),
        "deletes": len(book.deleted),
        "records_uploaded": sum(book.accepted.values()),
        "errors": dict(book.errors),
        "problems": list(problems),
        "memory_mb": memory,
        "latency": latency,
        "highest_memory_mb": max(sum(used.values()) for _, used in book.memory) / 1e6,
        "slowest_ms": max(value for _, value in book.latencies),
    }


def memory_series(book: Book) -> dict[str, list[tuple[float, float]]]:
    """Megabytes over time by kind of process, all of them first."""
    kinds = sorted({kind for _, used in book.memory for kind in used})
    by_kind = {kind: [(at, used.get(kind, 0) / 1e6) for at, used in book.memory] for kind in kinds}
    return {"all": [(at, sum(used.values()) / 1e6) for at, used in book.memory], **by_kind}


def latency_series(book: Book) -> dict[str, list[tuple[float, float]]]:
    """p50 and p95 of windows of time."""
    seen = windows(sorted(book.latencies), WINDOW_SECONDS)
    return {
        name: [(at, _percentile(name, values)) for at, values in seen.items()]
        for name in ("p50_ms", "p95_ms")
    }


def _percentile(name: str, values: Sequence[float]) -> float:
    return percentiles(values)[name]


def is_flat(results: Mapping[str, Any]) -> bool:
    """Whether memory, and latency at p50 and p95, stay within their limits."""
    changes = [(results["memory_mb"]["all"], MEMORY_LIMIT)]
    changes += [(one, LATENCY_LIMIT) for one in results["latency"].values()]
    return all(one["last"] <= one["second"] * (1 + limit) for one, limit in changes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mixed_load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--texts", type=int, default=5_000, help="that are there before")
    parser.add_argument("--query-rate", type=float, default=10, help="queries a second")
    parser.add_argument("--upload-seconds", type=float, default=5, help="between two uploads")
    parser.add_argument("--live", type=int, default=60, help="files, beyond which one is deleted")
    parser.add_argument("--quick", action="store_true", help="half a minute, little of all")
    parser.add_argument("--write", action="store_true", help="keep the results in docs/benchmarks")
    asked = parser.parse_args()
    mix = Mix(
        asked.texts,
        asked.minutes * 60,
        asked.query_rate,
        asked.upload_seconds,
        asked.live,
        SAMPLE_SECONDS,
    )
    results, book = measure(Mix(100, 24, 4, 2, 3, 2) if asked.quick else mix)
    drawings = series_plots.mixed(memory_series(book), latency_series(book))
    load_page.keep("mixed-load", results, write=asked.write, drawings=drawings)
    # Half a minute says nothing about what stays level.
    is_level = asked.quick or is_flat(results)
    sys.exit(0 if is_level and not results["errors"] and not results["problems"] else 1)


if __name__ == "__main__":
    main()
