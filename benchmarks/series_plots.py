"""Plots of what load does: latency by rate, memory, latency and lag over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from matplotlib.axes import Axes

from benchmarks.plots import Theme

Series = Mapping[str, Sequence[tuple[float, float]]]
"""By name: values with the seconds after the start at which they were seen."""


class ThemedDraw(Protocol):
    """Draws a plot in the colours of a theme."""

    def __call__(self, axes: Axes, theme: Theme) -> None: ...


def ladder(results: Mapping[str, Any]) -> ThemedDraw:
    """Latency by rate, of the ladder of ``benchmarks.open_loop``."""
    return partial(_draw_ladder, results)


def mixed(memory: Series, latency: Series) -> dict[str, ThemedDraw]:
    """Megabytes by kind of process, stacked, and milliseconds, over minutes."""
    return {
        "mixed-memory": partial(_draw_memory, memory),
        "mixed-latency": partial(_draw_latency, latency),
    }


def lag(behind: Sequence[tuple[float, float]]) -> ThemedDraw:
    """Files that are accepted and not finished, over minutes."""
    return partial(_draw_lag, behind)


def _draw_ladder(results: Mapping[str, Any], axes: Axes, theme: Theme) -> None:
    rungs = [rung for rung in results["ladder"] if rung["p50_ms"] is not None]
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        rates = [rung["rate"] for rung in rungs]
        axes.plot(rates, [rung[name] for rung in rungs], marker="o", label=name[:3])
    axes.axhline(results["p95_limit_ms"], linestyle=":", color=theme.text, linewidth=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("queries a second (dotted: the limit for p95)")
    axes.set_ylabel("milliseconds")
    axes.grid(visible=True)
    axes.legend(frameon=False)


def _draw_memory(memory: Series, axes: Axes, theme: Theme) -> None:
    kinds = {name: values for name, values in memory.items() if name != "all"}
    minutes = [at / 60 for at, _ in memory["all"]]
    heights = [[value for _, value in values] for values in kinds.values()]
    colours = [*theme.colours, theme.text, theme.grid]
    axes.stackplot(minutes, heights, labels=list(kinds), colors=colours)
    axes.set_xlabel("minutes")
    axes.set_ylabel("MB (PSS)")
    # Beside the plot: seven kinds would cover what they explain.
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)


def _draw_latency(latency: Series, axes: Axes, theme: Theme) -> None:
    for name, values in latency.items():
        axes.plot([at / 60 for at, _ in values], [value for _, value in values], label=name[:3])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("milliseconds")
    axes.grid(visible=True)
    axes.legend(frameon=False)


def _draw_lag(behind: Sequence[tuple[float, float]], axes: Axes, theme: Theme) -> None:
    axes.plot([at / 60 for at, _ in behind], [value for _, value in behind])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("files accepted, not finished")
    axes.grid(visible=True)
