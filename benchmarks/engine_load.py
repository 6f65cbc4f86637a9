"""``python -m benchmarks.engine_load NAME [--rows N] [--commits N]``: one engine under load.

What it takes to write chunks as a long import does, then in many small commits into what is
there; the memory of the process that writes; and how many searches a second one client and
sixteen get. Run it for each engine in turn, each in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import psutil

from benchmarks.engines import BATCH, DEPTH, KINDS, InProcess, Matrix, chunk_of, clustered
from benchmarks.queries import percentiles
from benchmarks.texts import TextMaker
from domain.models.chunks import EmbeddedChunk
from domain.models.search import SearchFilter
from domain.ports.search_index import SearchIndex

SMALL = 10
COMMITS_BEFORE_OPTIMIZE = 200
"""As the service's index writer has it."""

CHUNKS_BEFORE_OPTIMIZE = 4_000
SECONDS = 10.0
EVERYTHING = SearchFilter()
Search = Callable[[int], Awaitable[object]]


async def fill(index: SearchIndex, rows: int) -> None:
    """A hundred at a time, folded in as the service does it: by eighths of what there is."""
    maker, fresh = TextMaker("engines"), 0
    vectors = clustered(rows, seed=1)
    for first in range(0, rows, BATCH):
        await index.upsert(chunks(maker, first, vectors[first : first + BATCH]))
        fresh += BATCH
        if fresh >= max(CHUNKS_BEFORE_OPTIMIZE, first // 8):
            await index.optimize()
            fresh = 0
    await index.optimize()


async def many_small(index: SearchIndex, rows: int, commits: int) -> list[float]:
    """Milliseconds of each commit."""
    maker, times = TextMaker("small"), []
    vectors = clustered(commits * SMALL, seed=3)
    for number in range(commits):
        first = number * SMALL
        some = chunks(maker, rows + first, vectors[first : first + SMALL])
        started = time.perf_counter()
        await index.upsert(some)
        times.append((time.perf_counter() - started) * 1000)
        if (number + 1) % COMMITS_BEFORE_OPTIMIZE == 0:
            await index.optimize()
    return times


def chunks(maker: TextMaker, first: int, vectors: Matrix) -> list[EmbeddedChunk]:
    return [chunk_of(first + n, maker.text(), vector) for n, vector in enumerate(vectors)]


async def searches_per_second(search: Search, clients: int) -> float:
    done, end = 0, time.perf_counter() + SECONDS

    async def client(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await search(number + done)
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*map(client, range(clients)))
    return done / (time.perf_counter() - started)


async def measure(kind: type[InProcess], rows: int, commits: int, directory: Path) -> None:
    process = psutil.Process()
    index = await kind.opens(directory)
    before = process.memory_info().rss
    started, used = time.perf_counter(), time.process_time()
    await fill(index, rows)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"{kind.name}: {rows:,} chunks written and folded in {seconds:.0f} s, {used:.0f} s of "
        "processor time",
        flush=True,
    )
    report_memory(process, before)
    started, used = time.perf_counter(), time.process_time()
    times = await many_small(index, rows, commits)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"{kind.name}: {commits:,} commits of {SMALL} in {seconds:.0f} s with folding in, "
        f"{used:.0f} s of processor time; p50 "
        f"{median(times):.1f} ms, p95 {percentiles(times)['p95_ms']:.1f} ms, slowest "
        f"{max(times):.0f} ms; the last hundred p50 {median(times[-100:]):.1f} ms"
    )
    report_memory(process, before)
    await index.close()

    index = await kind.opens(directory)
    for _ in range(2):
        await index.read_ahead()
    await serve(kind.name, index)
    await index.close()


async def serve(name: str, index: SearchIndex) -> None:
    questions, maker = clustered(500, seed=2), TextMaker("questions")
    asked = [maker.query() for _ in range(500)]

    async def by_vector(n: int) -> object:
        return await index.search_vector(questions[n % 500], limit=DEPTH, where=EVERYTHING)

    async def by_words(n: int) -> object:
        return await index.search_keyword(asked[n % 500], limit=DEPTH, where=EVERYTHING)

    for leg, search in (("vector", by_vector), ("words", by_words)):
        rates = [await searches_per_second(search, clients) for clients in (1, 16)]
        print(f"{name}: {leg}, {rates[0]:.0f} a second with 1 client, {rates[1]:.0f} with 16")


def report_memory(process: psutil.Process, before: int) -> None:
    info = process.memory_full_info()
    print(
        f"  memory: {(info.rss - before) / 1e6:.0f} MB more than when it was opened, of which "
        f"{info.uss / 1e6:.0f} MB are the process's own altogether"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine_load", description=__doc__)
    parser.add_argument("engine", choices=[one.name for one in KINDS if issubclass(one, InProcess)])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=1_000)
    arguments = parser.parse_args()
    (kind,) = (one for one in KINDS if one.name == arguments.engine)
    with tempfile.TemporaryDirectory(prefix="headrace-load-") as directory:
        asyncio.run(measure(kind, arguments.rows, arguments.commits, Path(directory)))


if __name__ == "__main__":
    main()
