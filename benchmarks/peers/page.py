"""The page ``docs/benchmarks/peers.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.figures import (
    CLIENTS,
    FLOORS,
    HEADRACE,
    IMPORT,
    MEMORY,
    START,
    Metric,
    Run,
    Spread,
    better_peers,
    latency,
    rate,
    ratios,
    reached,
    spread,
    systems,
    values,
    via,
)

SET_UP = """\
- Headrace: `headrace up` with its defaults, on an empty data directory; a CSV file is imported and
  searchable when its status says `completed`. Everything is on disk, with a ledger of its records,
  which are linked to each other behind the import; queries begin when that is done.
- txtai: its own API (`uvicorn txtai.api:app`) with `content: true`, `hybrid: true` and a `path`;
  `/add`, then `/index`. Its read-only workers serve the saved index afterwards, in as many
  processes as the machine has cores.
- LlamaIndex: `IngestionPipeline` of `SentenceSplitter` and `HuggingFaceEmbedding` into
  `FaissVectorStore`, without cache or store of documents. In memory; no HTTP, no keyword search.
- sentence-transformers + FAISS: `encode`, `IndexFlatIP`. In memory; no HTTP, no keyword search.

All embed with the same weights of all-MiniLM-L6-v2. Headrace computes in what its settings choose
on this machine; peers in float32, as they do by themselves, and where it says so in bfloat16. Each
may use all cores. Model loading and a first, small import are not in the rates. Queries are asked
once each, for ten hits; the clients run on the same machine and share its cores."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of each system, ``versions`` are those that are chosen, ``packages`` all that are there.

    ``model`` is Headrace's; ``queries`` are asked for each number of clients.
    """

    machine: Mapping[str, Any]
    model: str
    texts: int
    queries: int
    versions: Mapping[str, Mapping[str, str]]
    packages: Mapping[str, Mapping[str, str]]
    runs: list[Run]


def page(result: Comparison) -> str:
    machine = result.machine
    return "\n".join(
        [
            "# Headrace beside its peers",
            "",
            f"Written by `python -m benchmarks.peers --write` on {machine['cores']} cores of "
            f"{machine['processor']} ({machine['architecture']}, {machine['system']}), "
            f"{machine['memory_gb']} GB, Python {machine['python']}. {result.texts:,} made-up "
            f"texts of about 37 words; {result.queries:,} queries for each number of clients.",
            "",
            "Systems took turns, one at a time, Headrace before and after every round of the "
            "others. Figures are medians of the runs, lowest and highest in brackets. A ratio is "
            "Headrace's figure over the peer's of the same round. Floors are held against peers "
            "that compute in float32, and against txtai with one writable worker.",
            "",
            *tables(result),
        ]
    )


def tables(result: Comparison) -> Iterator[str]:
    yield from _floors(result.runs)
    yield from _table("Import, from texts to searchable", (IMPORT,), result)
    for clients in CLIENTS:
        title = "Queries, uncached, " + ("1 client" if clients == 1 else f"{clients} clients")
        yield from _table(title, _of_queries(clients), result)
    yield from _table("First start, and memory after the queries", (START, MEMORY), result)
    yield from _better(result.runs)
    yield "## How each was set up\n"
    yield SET_UP + "\n"
    yield f"Headrace's model: `{result.model}`.\n"
    for system, versions in result.versions.items():
        yield f"- {system}: " + ", ".join(f"{name} {each}" for name, each in versions.items())
    yield ""


def _of_queries(clients: int) -> tuple[Metric, ...]:
    return rate(clients), latency("p50", clients), latency("p95", clients)


def _floors(runs: Sequence[Run]) -> Iterator[str]:
    yield "| floor | ratio | |"
    yield "|---|---:|---|"
    for floor in FLOORS:
        ratio = reached(runs, floor)
        if ratio is None:
            yield f"| {floor.says} | | not measured |"
        else:
            verdict = "met" if floor.is_met(ratio.median) else "**not met**"
            yield f"| {floor.says} | {_shown(ratio, '.2f')} | {verdict} |"
    yield ""


def _table(title: str, metrics: Sequence[Metric], result: Comparison) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| | by | " + " | ".join(f"{metric.title} | ratio" for metric in metrics) + " |"
    yield "|---|---|" + "---:|---:|" * len(metrics)
    for system in systems(result.runs):
        if any(values(result.runs, system, metric) for metric in metrics):
            cells = " | ".join(_cells(result.runs, system, metric) for metric in metrics)
            yield f"| {system} | {via(system)} | {cells} |"
    yield ""


def _cells(runs: Sequence[Run], system: str, metric: Metric) -> str:
    """A figure and its ratio, empty where there is none."""
    found = values(runs, system, metric)
    if not found:
        return " | "
    measured = spread(found)
    shown = _shown(measured, ",.0f" if measured.median >= 100 else ".1f")
    if system == HEADRACE:
        return f"{shown} | "
    return f"{shown} | {_shown(spread(ratios(runs, system, metric)), '.2f')}"


def _shown(measured: Spread, form: str) -> str:
    if measured.low == measured.high:
        return f"{measured.median:{form}}"
    return f"{measured.median:{form}} ({measured.low:{form}}–{measured.high:{form}})"


def _better(runs: Sequence[Run]) -> Iterator[str]:
    yield "## Where a peer is better\n"
    better = [
        f"- {peer}, {via(peer)}: {metric.title}{of}, {metric.advantage(ratio):.2f} times as good"
        for of, metrics in _groups()
        for peer, metric, ratio in better_peers(runs, metrics)
    ]
    yield from better or ["Nowhere among these figures."]
    yield ""
    yield (
        "Not compared: search quality, for which there is [relevance](relevance.md), larger sets, "
        "and what only one of them does. What is asked in process, by vectors alone, has no HTTP, "
        "no keyword search and nothing on disk: those rows are no comparison of like with like."
    )
    yield ""


def _groups() -> Iterator[tuple[str, tuple[Metric, ...]]]:
    yield " imported", (IMPORT,)
    for clients in CLIENTS:
        yield f" with {clients} client{'s' if clients > 1 else ''}", _of_queries(clients)
    yield "", (START, MEMORY)
