"""The page docs/benchmarks/load.md, from the last results of each benchmark of load."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.plots import DARK, LIGHT, save
from benchmarks.report import LOAD_PAGE, heading, machine
from benchmarks.series_plots import ThemedDraw
from benchmarks.small_files import MIX

Results = Mapping[str, Any]
LISTED = 3


def keep(
    name: str,
    results: Results,
    *,
    write: bool,
    drawings: Mapping[str, ThemedDraw],
    folder: Path = LOAD_PAGE.parent,
) -> None:
    """Print the results as JSON; with ``write`` keep them, their plots, and the page anew."""
    content = {"machine": machine(), **results}
    print(json.dumps(content, indent=1), flush=True)
    if not write:
        return
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    for plot, draw in drawings.items():
        for theme in (LIGHT, DARK):
            save(folder / f"{plot}-{theme.name}.svg", theme, partial(draw, theme=theme))
    (folder / LOAD_PAGE.name).write_text("\n".join(page(folder)).rstrip() + "\n", "utf-8")
    print(f"written to {folder / LOAD_PAGE.name}", flush=True)


def page(folder: Path) -> Iterator[str]:
    """The page of the results that are kept in the folder; absent ones are left out."""
    yield "# Under load\n"
    yield (
        "Written by `python -m benchmarks.open_loop`, `benchmarks.mixed_load` and "
        "`benchmarks.files_a_day`, each with `--write`. Service and client share the machine. "
        "Latency counts from when a request was due, however late the client was."
    )
    yield ""
    for name, section in _SECTIONS.items():
        path = folder / f"{name}.json"
        if path.exists():
            yield from section(json.loads(path.read_bytes()))


def open_loop(results: Results) -> Iterator[str]:
    asked = results["asked"]
    yield from heading("Queries that do not wait for each other", "open-loop")
    yield (
        f"{_machine(results)} {results['chunks']:,} chunks; {asked['connections']:,} connections "
        f"are held open; send times: {results['schedule']}. Every other question was asked before."
    )
    yield ""
    yield (
        "| | asked/s | seconds | answered/s | errors | degraded | p50 ms | p95 ms | p99 ms "
        "| max ms | from the cache | client late by, p99 ms |"
    )
    yield "|---|" + "---:|" * 11
    yield _rate_row("a server that does nothing", results["client_alone"])
    yield _rate_row("a route that does nothing", results["idle"])
    for rung in results["ladder"]:
        yield _rate_row("queries", rung)
    yield _rate_row("queries", asked)
    yield ""
    highest = results["highest_held_rate"]
    yield (
        f"Highest rate of the ladder with no errors and p95 within {results['p95_limit_ms']:g} ms: "
        + (f"{highest:g} queries/s." if highest else "none of it.")
        + f" A request costs the client {results['client_alone']['client_cpu_us']:.0f} µs of "
        f"processor against a server that does nothing, {asked['client_cpu_us']:.0f} µs here."
    )
    yield ""


def _rate_row(what: str, rate: Results) -> str:
    errors = ", ".join(f"{name}: {count:,}" for name, count in rate["errors"].items()) or "0"
    cells = [
        what,
        f"{rate['rate']:g}",
        f"{rate['seconds']:g}",
        f"{rate['achieved_rate']:.1f}",
        errors,
        f"{rate['degraded']:,}",
        *(_ms(rate[name]) for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")),
        f"{rate['cached_share']:.0%}",
        f"{rate['late_p99_ms']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def mixed_load(results: Results) -> Iterator[str]:
    mix = results["mix"]
    yield from heading("Memory under mixed load", "mixed-memory")
    yield (
        f"{_machine(results)} {mix['seconds'] / 60:g} minutes with {mix['texts']:,} texts to begin "
        f"with: a small file every {mix['upload_seconds']:g} s, the oldest deleted beyond "
        f"{mix['live_files']}, {mix['query_rate']:g} queries a second, every other asked before. "
        f"{results['uploads']:,} uploads, {results['deletes']:,} deletes, {results['queries']:,} "
        f"answers, {results['cached_share']:.0%} of them from the cache, {results['degraded']:,} "
        f"degraded; errors: {_listed(results['errors'])}; wrong with files or stores in the end: "
        f"{_listed(results['problems'])}."
    )
    yield ""
    yield "| MB (PSS), mean | second quarter | last quarter | change |"
    yield "|---|---:|---:|---:|"
    for kind, quarters in results["memory_mb"].items():
        yield _quarters_row(kind, quarters)
    yield ""
    yield from heading("Latency under mixed load", "mixed-latency")
    yield "| milliseconds | second quarter | last quarter | change |"
    yield "|---|---:|---:|---:|"
    for name, quarters in results["latency"].items():
        yield _quarters_row(name[:3], quarters)
    yield ""


def _quarters_row(name: str, quarters: Results) -> str:
    second, last = quarters["second"], quarters["last"]
    change = f"{last / second - 1:+.1%}" if second else "–"
    return f"| {name} | {second:,.1f} | {last:,.1f} | {change} |"


def _listed(found: Collection[str]) -> str:
    """The first few, and how many more there are."""
    if not found:
        return "none"
    more = f"; and {len(found) - LISTED:,} more" if len(found) > LISTED else ""
    return "; ".join(islice(found, LISTED)) + more


def files_a_day(results: Results, title: str = "A million small files a day") -> Iterator[str]:
    name = "files-a-day" if results["asked_rate"] else "files-closed-loop"
    yield from heading(title, name)
    how = f"at {results['asked_rate']:g} a second" if results["asked_rate"] else "as fast as taken"
    files = results["accepted"]
    yield (
        f"{_machine(results)} {results['clients']} clients upload for {results['seconds'] / 60:g} "
        f"minutes {how}: {MIX}; on average {results['records'] / files:.1f} records, "
        f"{results['chunks'] / files:.1f} chunks and {results['megabytes'] / files * 1000:.1f} kB."
    )
    yield ""
    yield "| | |"
    yield "|---|---:|"
    rate = results["files_per_second"]
    yield f"| accepted | {files:,} |"
    yield f"| completed | {results['completed']:,} |"
    yield f"| files/s, first upload to last completion | {rate:.2f} |"
    yield f"| that is a minute | {rate * 60:,.0f} |"
    yield f"| and a day | {rate * 86_400:,.0f} |"
    yield f"| accepted and not finished, at most | {results['most_behind']:,.0f} |"
    yield (
        f"| seconds from upload to completion, p50 / p95 | {results['file_p50_seconds']:.1f} / "
        f"{results['file_p95_seconds']:.1f} |"
    )
    yield f"| seconds until all is linked, too | {results['linked_seconds_later']:.0f} |"
    yield f"| refused (429) and sent again | {results['refused']:,} |"
    yield f"| errors | {_listed(results['errors'])} |"
    yield f"| ledgers not exact, stores that do not agree | {_listed(results['problems'])} |"
    yield ""


def _machine(results: Results) -> str:
    facts = results["machine"]
    where = f"{facts['cores']} cores ({facts['architecture']}, {facts['system']})"
    return f"{where}, model {results['model']}."


_SECTIONS: Mapping[str, Callable[[Results], Iterator[str]]] = {
    "open-loop": open_loop,
    "mixed-load": mixed_load,
    "files-a-day": files_a_day,
    "files-closed-loop": partial(files_a_day, title="Small files, as fast as they are taken"),
}
