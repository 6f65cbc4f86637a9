"""``python -m benchmarks.relevance DIR… [--json]``: how good the answers are, and why.

Each directory is a judged collection in BEIR's form. They are indexed as the product does it,
both legs are asked every query once, and then all ways of blending are measured on what they
found. Vectors are kept in ``--vectors`` (or ``BENCH_VECTORS``): only the first run embeds, which
takes half an hour for 43,000 documents. ``--write`` writes ``docs/benchmarks/relevance.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from actors.bootstrap import open_embedder
from benchmarks.blend_latency import blend_latencies
from benchmarks.relevance_cases import (
    VERSIONS,
    folding_case,
    recency_case,
    sources_case,
    version_questions,
)
from benchmarks.relevance_page import page
from benchmarks.relevance_results import RelevanceResults
from benchmarks.relevance_sets import judged_set
from benchmarks.relevance_variants import (
    CHOICES,
    HYBRID,
    QUERIES_PER_CHOICE,
    STEPS,
    WITHOUT,
    measured,
)
from benchmarks.vector_cache import CachedEmbedder
from domain.ports.embedder import Embedder
from serve_app.commands.connection import load_settings

ENGLISH = "en"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "relevance.md"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relevance", description=__doc__)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--vectors", type=Path, default=os.environ.get("BENCH_VECTORS"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="relevance-") as work:
        vectors = Path(arguments.vectors or work)
        results = measure(arguments.directories, vectors, Path(work))
    print(json.dumps(asdict(results), indent=1) if arguments.json else page(results))
    if arguments.write:
        PAGE.write_text(page(results), "utf-8")


def measure(directories: Sequence[Path], vectors: Path, work_dir: Path) -> RelevanceResults:
    settings = load_settings()
    embedder = CachedEmbedder(open_embedder(settings, sessions=2), vectors)
    results = RelevanceResults(embedder.model, latency=list(blend_latencies()))
    try:
        for directory in directories:
            print(f"measuring {directory}", file=sys.stderr, flush=True)
            _measure_set(directory, embedder, work_dir, results)
    finally:
        embedder.close()
    return results


def _measure_set(
    directory: Path, embedder: Embedder, work_dir: Path, results: RelevanceResults
) -> None:
    versions = version_questions(directory)
    judged = asyncio.run(judged_set(directory, embedder, work_dir, versions))
    plain = judged.without(VERSIONS)
    results.sets.append(measured(plain, (*STEPS, *WITHOUT)))
    results.choices.append(measured(plain.every(QUERIES_PER_CHOICE), (*CHOICES, HYBRID)))
    results.folding.append(folding_case(plain))
    if english := judged.only(ENGLISH):
        results.english.append(measured(english, STEPS))
    if versions:
        results.recency = list(recency_case(judged))
        results.sources = list(sources_case(plain, directory))


if __name__ == "__main__":
    main()
