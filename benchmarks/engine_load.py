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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.engine_kinds import FilteringEngine, PgVector
from benchmarks.engines import BATCH, NAMES, clustered, kind_of
from benchmarks.queries import percentiles
from benchmarks.texts import TextMaker

SMALL = 10
COMMITS_BEFORE_OPTIMIZE = 200
"""As the service's index writer has it."""

CHUNKS_BEFORE_OPTIMIZE = 4_000
SECONDS = 10.0
Search = Callable[[int], Awaitable[object]]


async def fill(engine: FilteringEngine, rows: int) -> None:
    """A hundred at a time, folded in as the service does it: by eighths of what there is."""
    maker, fresh = TextMaker("engines"), 0
    vectors = clustered(rows, seed=1)
    for first in range(0, rows, BATCH):
        await engine.write(first, texts(maker, BATCH), vectors[first : first + BATCH])
        fresh += BATCH
        if fresh >= max(CHUNKS_BEFORE_OPTIMIZE, first // 8):
            await engine.settle()
            fresh = 0
    await engine.settle()


async def many_small(engine: FilteringEngine, rows: int, commits: int) -> list[float]:
    """Milliseconds of each commit."""
    maker, times = TextMaker("small"), []
    vectors = clustered(commits * SMALL, seed=3)
    for number in range(commits):
        first = number * SMALL
        some = texts(maker, SMALL)
        started = time.perf_counter()
        await engine.write(rows + first, some, vectors[first : first + SMALL])
        times.append((time.perf_counter() - started) * 1000)
        if (number + 1) % COMMITS_BEFORE_OPTIMIZE == 0:
            await engine.settle()
    return times


def texts(maker: TextMaker, count: int) -> list[str]:
    return [maker.text() for _ in range(count)]


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


async def measure(name: str, rows: int, commits: int, directory: Path) -> None:
    process = psutil.Process()
    async with opened(name, directory) as engine:
        before = process.memory_info().rss
        started, used = time.perf_counter(), time.process_time()
        await fill(engine, rows)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        print(
            f"{name}: {rows:,} chunks written and folded in in {seconds:.0f} s, {used:.0f} s of "
            "processor time",
            flush=True,
        )
        report_memory(process, before)
        started, used = time.perf_counter(), time.process_time()
        times = await many_small(engine, rows, commits)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        print(
            f"{name}: {commits:,} commits of {SMALL} in {seconds:.0f} s with folding in, "
            f"{used:.0f} s of processor time; p50 "
            f"{median(times):.1f} ms, p95 {percentiles(times)['p95_ms']:.1f} ms, slowest "
            f"{max(times):.0f} ms; the last hundred p50 {median(times[-100:]):.1f} ms"
        )
        report_memory(process, before)
    async with opened(name, directory) as engine:
        await serve(name, engine)


@asynccontextmanager
async def opened(name: str, directory: Path) -> AsyncIterator[FilteringEngine]:
    async with kind_of(name).opened(directory) as engine:
        assert isinstance(engine, FilteringEngine)
        yield engine


async def serve(name: str, engine: FilteringEngine) -> None:
    questions, maker = clustered(500, seed=2), TextMaker("questions")
    asked = [maker.query() for _ in range(500)]

    async def by_vector(n: int) -> object:
        return await engine.by_vector(questions[n % 500])

    async def by_words(n: int) -> object:
        return await engine.by_words(asked[n % 500])

    for leg, search in (("vector", by_vector), ("words", by_words)):
        await search(0)
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
    parser.add_argument("engine", choices=[name for name in NAMES if name != PgVector.name])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-load-") as directory:
        asyncio.run(measure(arguments.engine, arguments.rows, arguments.commits, Path(directory)))


if __name__ == "__main__":
    main()
