"""``python -m benchmarks [--quick]``: measure a service of its own, write docs/benchmarks.

``BENCH_HERB`` may name the folder that ``benchmarks.chunking`` needs; that part takes most of an
hour. Search quality has a command of its own, ``benchmarks.relevance``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chunking import ChunkingResult, measure_chunking
from benchmarks.imports import measure_import
from benchmarks.parsing import ParsingResult, measure_parsing
from benchmarks.plots import write_plots
from benchmarks.queries import measure_kept, measure_queries
from benchmarks.report import Results, page, tables, write_results
from benchmarks.service import fresh_service
from benchmarks.texts import TextMaker

OUTPUT = Path(__file__).parent.parent / "docs" / "benchmarks"
TEXTS, QUICK_TEXTS = 20_000, 2_000
QUERIES, QUICK_QUERIES = 1_000, 200
CLIENTS = (1, 16)
MEGABYTES, QUICK_MEGABYTES = 32, 2
ROUNDS, QUICK_ROUNDS = 5, 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small, and write no files")
    is_quick = parser.parse_args().quick
    print("parsing", flush=True)
    parsing = measure_parsing(
        megabytes=QUICK_MEGABYTES if is_quick else MEGABYTES,
        rounds=QUICK_ROUNDS if is_quick else ROUNDS,
    )
    results = measure(
        texts=QUICK_TEXTS if is_quick else TEXTS,
        queries=QUICK_QUERIES if is_quick else QUERIES,
        parsing=list(parsing),
    )
    print("\n".join(line for line in tables(results) if not line.startswith("<picture>")))
    if not is_quick:
        OUTPUT.mkdir(parents=True, exist_ok=True)
        write_results(OUTPUT / "results.json", results)
        write_plots(OUTPUT, results.imported, results.queries)
        (OUTPUT / "README.md").write_text(page(results), "utf-8")
        print(f"written to {OUTPUT}")


def measure(*, texts: int, queries: int, parsing: Sequence[ParsingResult]) -> Results:
    """What a fresh service reaches, beside what was measured of parsing."""
    corpus = list(TextMaker("corpus").texts(texts))
    with fresh_service() as service:
        print(f"importing {texts:,} texts", flush=True)
        imported = measure_import(service, corpus)
        latencies = []
        asked: set[str] = set()
        # One client after the other: two replicas, which many bring, keep answers each for itself.
        print("asking what was asked before", flush=True)
        kept = measure_kept(service, queries=queries, asked=asked)
        for clients in CLIENTS:
            print(f"asking {queries:,} queries, {clients} at a time", flush=True)
            latencies.append(
                measure_queries(service, clients=clients, queries=queries, asked=asked)
            )
    return Results(imported, latencies, parsing, list(_chunking()), kept)


def _chunking() -> Iterator[ChunkingResult]:
    if folder := os.environ.get("BENCH_HERB"):
        print("judging ways of cutting", flush=True)
        yield from measure_chunking(Path(folder))


if __name__ == "__main__":
    main()
