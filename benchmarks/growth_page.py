"""The page docs/benchmarks/growth.md and its plots."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes

from benchmarks.growth_corpus import (
    BLOCK,
    FITTED_TEXTS,
    FITTED_TO,
    VectorMaker,
    neighbourhoods,
)
from benchmarks.growth_index import DEPTH
from benchmarks.growth_results import FLOOR, FROM, TO, GrowthResults
from benchmarks.plots import DARK, LIGHT, Theme, save

PLOT = "growth"
WAY_OF_THE_FLOOR = "hybrid"


def page(results: GrowthResults) -> str:
    facts = results.machine
    packages = ", ".join(f"{name} {facts[name]}" for name in ("tantivy", "faiss-cpu"))
    questions = results.indexes[0].asked.questions
    return "\n".join(
        [
            "# Growth",
            "",
            f"Written by `python -m benchmarks.growth --write` on {facts['cores']} cores "
            f"({facts['architecture']}, {facts['system']}), Python {facts['python']}, {packages}.",
            "",
            "How the index in the data directory (tantivy and FAISS) and PostgreSQL behave as they "
            "grow. Texts are made up, about 37 words each, of a vocabulary that does not grow: "
            "every word's list of texts grows as the index does. Vectors are drawn, not embedded; "
            "their neighbourhoods are like those of a model's (below). The index is written "
            f"{BLOCK} chunks at a time, as imports do, and asked {questions} questions in each "
            f"way, one at a time, {DEPTH} candidates a leg, ten hits read. *hybrid* is the whole "
            "answer of the query engine but for embedding the question. What these figures mean "
            "for a cluster is in [capacity](../capacity.md).",
            "",
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{PLOT}-dark.svg">'
            f'<img alt="Query time by size" src="{PLOT}-light.svg"></picture>',
            "",
            *tables(results),
            "",
        ]
    )


def tables(results: GrowthResults) -> Iterator[str]:
    if results.indexes:
        yield from _query_table(results)
        yield from _floor(results)
        yield from _filling_table(results)
        yield from _room_table(results)
    if results.stores:
        yield from _store_table(results)
    yield from _neighbour_table()


def _query_table(results: GrowthResults) -> Iterator[str]:
    sizes = [f"{one.chunks:,}" for one in results.indexes]
    yield "## Queries\n"
    yield "| p50 / p95 ms | " + " | ".join(f"{size} chunks" for size in sizes) + " | growth |"
    yield "|---|" + "---:|" * len(sizes) + "---:|"
    for way in results.indexes[0].asked.latency_ms:
        cells = (
            f"{one.median_ms(way):.1f} / {one.asked.latency_ms[way]['p95_ms']:.1f}"
            for one in results.indexes
        )
        yield f"| {way} | " + " | ".join(cells) + f" | × {results.times_as_long(way):.1f} |"
    recalls = (f"{one.asked.recall:.3f}" for one in results.indexes)
    yield "| recall@10 of vector | " + " | ".join(recalls) + " | |"
    yield ""


def _floor(results: GrowthResults) -> Iterator[str]:
    smallest, largest = results.indexes[0].chunks, results.indexes[-1].chunks
    ratio = results.times_as_long(WAY_OF_THE_FLOOR)
    if ratio > FLOOR:
        verdict = "so it is not reached"
    elif (smallest, largest) == (FROM, TO):
        verdict = "so it is reached"
    else:
        verdict = "of which the rest was not measured"
    if smallest < largest:
        yield (
            f"Aim: a query of {TO:,} chunks takes at most {FLOOR:g} times as long as one of "
            f"{FROM:,}. From {smallest:,} to {largest:,}: × {ratio:.1f} ({WAY_OF_THE_FLOOR}, "
            f"p50), {verdict}."
        )
    yield ""


def _filling_table(results: GrowthResults) -> Iterator[str]:
    yield "## Filling\n"
    yield (
        "| chunks | chunks/s | of the time, folding in | a commit, p50 / p95 ms "
        "| the last commits, p50 / p95 ms | most memory of the writer, MB |"
    )
    yield "|---:|---:|---:|---:|---:|---:|"
    for one in results.indexes:
        filled = one.filled
        seconds = filled.seconds - filled.making_seconds
        yield (
            f"| {one.chunks:,} | {one.chunks / seconds:,.0f} "
            f"| {filled.folding_seconds / seconds:.0%} "
            f"| {filled.commit_ms['p50_ms']:.0f} / {filled.commit_ms['p95_ms']:.0f} "
            f"| {filled.last_commits_ms['p50_ms']:.0f} / {filled.last_commits_ms['p95_ms']:.0f} "
            f"| {filled.peak_mb:,.0f} |"
        )
    yield ""


def _room_table(results: GrowthResults) -> Iterator[str]:
    yield "## Room\n"
    yield (
        "| chunks | graphs | bytes on disk a chunk: words, texts, vectors | graphs' files "
        "| memory of a reader, MB (PSS) | bytes a chunk | of it its own, MB | opened in s |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for one in results.indexes:
        filled, asked = one.filled, one.asked
        yield (
            f"| {one.chunks:,} | {filled.graphs} | {filled.words_bytes / one.chunks:,.0f} "
            f"| {filled.vectors_bytes / one.chunks:,.0f} | {asked.resident_mb:,.0f} "
            f"| {asked.resident_mb * 1e6 / one.chunks:,.0f} | {asked.own_mb:,.0f} "
            f"| {asked.open_seconds:.1f} |"
        )
    yield ""
    yield (
        "A reader's memory is what it holds more than before it opened the index; graphs are "
        "mapped files, which the system may drop and read again. The cache of rows is bounded."
    )
    yield ""


def _store_table(results: GrowthResults) -> Iterator[str]:
    yield "## PostgreSQL\n"
    yield (
        "| records | stored/s | linked/s | bytes a record that stay | that pass through "
        "| of text | a record by its id, p50 / p95 ms |"
    )
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for one in results.stores:
        stored = one.stored
        passing = sum(stored.table_bytes.values()) - stored.lasting_bytes
        yield (
            f"| {one.records:,} | {one.records / stored.store_seconds:,.0f} "
            f"| {one.records / stored.link_seconds:,.0f} "
            f"| {stored.lasting_bytes / one.records:,.0f} | {passing / one.records:,.0f} "
            f"| {stored.text_bytes / one.records:,.0f} "
            f"| {stored.lookup_ms['p50_ms']:.2f} / {stored.lookup_ms['p95_ms']:.2f} |"
        )
    yield ""
    yield "Stored is staged and confirmed, with all indexes; records have no vectors there."
    yield ""


def _neighbour_table() -> Iterator[str]:
    drawn = neighbourhoods(VectorMaker(FITTED_TEXTS).block(FITTED_TEXTS, 1, 0))
    yield "## The vectors\n"
    yield (
        f"Cosines among {FITTED_TEXTS:,} vectors: the mean of all pairs, and medians of each "
        "vector's first, tenth and hundredth neighbour."
    )
    yield ""
    yield "| | mean | first | tenth | hundredth |"
    yield "|---|---:|---:|---:|---:|"
    for name, values in (("all-MiniLM-L6-v2", FITTED_TO), ("drawn", drawn)):
        yield f"| {name} | " + " | ".join(f"{value:.2f}" for value in values.values()) + " |"


def write_plots(folder: Path, results: GrowthResults) -> None:
    """``growth-light.svg`` and ``growth-dark.svg``; the same results, the same bytes."""
    for theme in (LIGHT, DARK):
        draw = partial(_draw, results=results, theme=theme)
        save(folder / f"{PLOT}-{theme.name}.svg", theme, draw)


def _draw(axes: Axes, results: GrowthResults, theme: Theme) -> None:
    sizes = [one.chunks for one in results.indexes]
    for way in results.indexes[0].asked.latency_ms:
        axes.plot(sizes, [one.median_ms(way) for one in results.indexes], "o-", label=way)
    limit = FLOOR * results.indexes[0].median_ms(WAY_OF_THE_FLOOR)
    axes.axhline(limit, linestyle=":", color=theme.text, linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel(f"chunks (dotted: {FLOOR:g} times the first {WAY_OF_THE_FLOOR})")
    axes.set_ylabel("milliseconds, median")
    axes.grid(visible=True)
    axes.legend(frameon=False)
