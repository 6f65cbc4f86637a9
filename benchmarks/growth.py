"""``python -m benchmarks.growth [--sizes N …] [--records N …] [--write]``: what growth costs.

For every size a fresh index of the product's engine is filled with made-up chunks through the
port, then asked 200 questions in each way, by processes of their own. For every number of
``--records`` a fresh PostgreSQL gets as many records through the product's store. ``--write`` puts
the figures into docs/benchmarks/growth.json, growth.md and its plots.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.growth_corpus import Corpus
from benchmarks.growth_index import ask, fill
from benchmarks.growth_page import page, tables, write_plots
from benchmarks.growth_records import store
from benchmarks.growth_results import PATH, GrowthResults, IndexGrowth, StoreGrowth, write
from benchmarks.report import machine

SIZES = (10_000, 100_000, 1_000_000)
RECORDS = (10_000, 100_000)
QUESTIONS = 200
PACKAGES = ("tantivy", "faiss-cpu")

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--records", type=int, nargs="*", default=list(RECORDS))
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--directory", type=Path, help="for indexes, 5 GB for a million chunks")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/growth.*")
    arguments = parser.parse_args()
    results = GrowthResults(
        machine=facts(),
        indexes=[
            index_growth(size, arguments.questions, arguments.directory)
            for size in sorted(arguments.sizes)
        ],
        stores=[store_growth(count, arguments.directory) for count in sorted(arguments.records)],
    )
    print("\n".join(tables(results)))
    if arguments.write:
        write(results)
        write_plots(PATH.parent, results)
        PATH.with_suffix(".md").write_text(page(results), "utf-8")
        print(f"written to {PATH.with_suffix('')}.*")


def facts() -> dict[str, Any]:
    return {**machine(), **{name: version(name) for name in PACKAGES}}


def index_growth(chunks: int, questions: int, directory: Path | None) -> IndexGrowth:
    """Fill an index and ask it, each in a fresh process; it is gone afterwards."""
    corpus = Corpus(chunks)
    with tempfile.TemporaryDirectory(prefix="headrace-growth-", dir=directory) as place:
        print(f"{chunks:,} chunks: filling", flush=True)
        filled = in_own_process(partial(fill, corpus, Path(place)))
        print(f"  {filled}\n{chunks:,} chunks: asking", flush=True)
        asked = in_own_process(partial(ask, corpus, Path(place), questions))
        print(f"  {asked}", flush=True)
    return IndexGrowth(chunks, filled, asked)


def store_growth(records: int, directory: Path | None) -> StoreGrowth:
    """Fill a PostgreSQL, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="headrace-growth-", dir=directory) as place:
        print(f"{records:,} records: storing", flush=True)
        stored = in_own_process(partial(store, Corpus(records), Path(place)))
        print(f"  {stored}", flush=True)
    return StoreGrowth(records, stored)


def in_own_process(work: Callable[[], T]) -> T:
    """What ``work`` returns in a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work).result()


if __name__ == "__main__":
    main()
