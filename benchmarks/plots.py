"""Plots for light and for dark pages, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.imports import ImportResult
from benchmarks.queries import SPLIT, QueryResult

P95_LIMIT_MS = 25.0

Draw = Callable[[Axes], None]


@dataclass(frozen=True, slots=True)
class Theme:
    name: str
    text: str
    grid: str
    colours: tuple[str, ...]


LIGHT = Theme(
    "light", "#1f2933", "#d5dbe1", ("#1f6f8b", "#d9822b", "#5a8f3c", "#8e5ea2", "#9aa5b1")
)
DARK = Theme("dark", "#e4e7eb", "#3e4c59", ("#5bb5d5", "#f0a868", "#93c47d", "#c39bd3", "#7b8794"))


def write_plots(folder: Path, imported: ImportResult, queries: Sequence[QueryResult]) -> None:
    """``import-*.svg``, ``latency-*.svg`` and ``parts-*.svg``; the same results, the same bytes."""
    for theme in (LIGHT, DARK):
        drawings: dict[str, Draw] = {
            "import": partial(_draw_import, result=imported, theme=theme),
            "latency": partial(_draw_latency, results=queries, theme=theme),
            "parts": partial(_draw_parts, results=queries, theme=theme),
        }
        for name, draw in drawings.items():
            save(folder / f"{name}-{theme.name}.svg", theme, draw)


def save(path: Path, theme: Theme, draw: Draw) -> None:
    """Draw a figure of one plot; the same drawing makes the same bytes."""
    style: dict[Any, Any] = {
        "svg.hashsalt": path.name,
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=theme.colours),
        "grid.color": theme.grid,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
            theme.text,
        ),
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        draw(figure.subplots())
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def _draw_import(axes: Axes, result: ImportResult, theme: Theme) -> None:
    names = ["bare embedder loop", "import, file to searchable"]
    rates = [result.bare_rate, result.import_rate]
    bars = axes.barh(names, rates, color=[theme.colours[-1], theme.colours[0]], height=0.55)
    axes.bar_label(bars, [f" {rate:,.0f}" for rate in rates])
    axes.set_xlabel("texts per second")
    axes.set_title(f"{result.texts:,} texts: {result.ratio:.2f} of the embedder alone", loc="left")


def _draw_latency(axes: Axes, results: Sequence[QueryResult], theme: Theme) -> None:
    for result in results:
        count = len(result.all_ms)
        shares = [(rank + 1) / count for rank in range(count)]
        label = f"{result.clients} client{'s' if result.clients > 1 else ''}"
        axes.plot(result.all_ms, shares, label=f"{label}: p95 {result.p95_ms:.1f} ms")
    axes.axvline(P95_LIMIT_MS, linestyle=":", color=theme.text, linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("milliseconds over HTTP, uncached (dotted: the limit for one client's p95)")
    axes.set_ylabel("share of queries")
    axes.grid(visible=True)
    axes.legend(frameon=False)


def _draw_parts(axes: Axes, results: Sequence[QueryResult], theme: Theme) -> None:
    labels = [
        f"{result.clients} clients" if result.clients > 1 else "1 client" for result in results
    ]
    left = [0.0] * len(results)
    for number, part in enumerate(SPLIT):
        widths = [result.parts[part]["p50_ms"] for result in results]
        colour = theme.colours[number % len(theme.colours)]
        axes.barh(labels, widths, left=left, label=part, color=colour, height=0.55)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_xlabel("milliseconds, median of each part")
    axes.legend(frameon=False, ncols=3)
