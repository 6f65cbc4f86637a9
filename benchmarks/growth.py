"""``python -m benchmarks.growth [--sizes N …] [--records N …] [--write]``: what growth costs.

For every size a fresh index of the product's engine is filled with made-up chunks through the
port, then asked 200 questions in each way, by processes of their own. For every number of
``--records`` a fresh PostgreSQL gets as many records through the product's store. ``--write`` puts
the figures into docs/benchmarks/growth.json, growth.md and its plots.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
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

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--records", type=int, nargs="*", default=list(RECORDS))
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--directory", type=Path, help="for indexes, 7 GB for all three sizes")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/growth.*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-growth-", dir=arguments.directory) as place:
        results = GrowthResults(
            machine=machine(),
            indexes=index_growth(sorted(arguments.sizes), arguments.questions, Path(place)),
            stores=[store_growth(count, Path(place)) for count in sorted(arguments.records)],
        )
    print("\n".join(tables(results)))
    if arguments.write:
        write(results)
        write_plots(PATH.parent, results)
        PATH.with_suffix(".md").write_text(page(results), "utf-8")
        print(f"written to {PATH.with_suffix('')}.*")


def index_growth(sizes: Sequence[int], questions: int, directory: Path) -> list[IndexGrowth]:
    """Fill all indexes, then ask them one after the other, so that moods matter less."""
    places = {size: directory / f"index-{size}" for size in sizes}
    filled = {size: in_own_process(fill, Corpus(size), places[size]) for size in sizes}
    asked = {size: in_own_process(ask, Corpus(size), places[size], questions) for size in sizes}
    return [IndexGrowth(size, filled[size], asked[size]) for size in sizes]


def store_growth(records: int, directory: Path) -> StoreGrowth:
    """Fill a PostgreSQL of its own."""
    place = directory / f"store-{records}"
    return StoreGrowth(records, in_own_process(store, Corpus(records), place))


def in_own_process(work: Callable[..., T], corpus: Corpus, *arguments: Any) -> T:
    """What ``work`` returns in a process that has done nothing else."""
    print(f"{work.__name__} {corpus.texts:,}", flush=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        result = process.submit(work, corpus, *arguments).result()
    print(f"  {result}", flush=True)
    return result


if __name__ == "__main__":
    main()
