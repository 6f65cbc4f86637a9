"""``python -m benchmarks.peers``: Headrace beside txtai, LlamaIndex, and FAISS by itself.

Each peer is installed into an environment of its own, which is kept. Systems take turns; nothing
else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from actors.adapters.onnx.prepare import MODEL_NAMES, precision_of
from actors.settings import Settings
from benchmarks.peers.environments import ROOT, THREADS, Environment, pinned, prepare
from benchmarks.peers.figures import CLIENTS, DTYPES, HEADRACE, LLAMAINDEX, PLAIN, TXTAI, Run
from benchmarks.peers.page import Comparison, page, tables
from benchmarks.peers.systems import Work, run_driver, run_headrace, run_txtai
from benchmarks.queries import WARM_UP_QUERIES, fresh_texts
from benchmarks.report import PACKAGES, PEERS_PAGE
from benchmarks.texts import TextMaker

CACHE = ROOT / "build" / "peers"
RESULTS = "peers.json"
TEXTS, QUERIES, ROUNDS, WARM_UP_TEXTS = 5_000, 400, 3, 64
WARM_UP = {1: WARM_UP_QUERIES, 16: 20_000}
"""Queries by the number of clients; for many more than anybody answers in ``WARM_UP_SECONDS``."""

PEERS = {"txtai": TXTAI, "llamaindex": LLAMAINDEX, "plain": PLAIN}
"""Of the peers, by their environments and drivers."""

Measure = Callable[[Work], Iterator[Run]]


def main() -> None:
    options = _options()
    result = read_json(options.again) if options.again else compare(options)
    print("\n".join(tables(result)))
    if options.write:
        write_json(PEERS_PAGE.with_name(RESULTS), result)
        PEERS_PAGE.write_text(page(result), "utf-8")
        print(f"written to {PEERS_PAGE}")


def compare(options: argparse.Namespace) -> Comparison:
    """Measure all in turns; what there is after each run is kept beside the environments."""
    for name in THREADS:
        os.environ.pop(name, None)  # Every system chooses its own, Headrace, too.
    environments = {name: prepare(name, options.environments) for name in options.peers}
    peers = [
        measure_of(name, environment, dtype)
        for name, environment in environments.items()
        for dtype in options.dtypes
    ]
    work = make_work(options.texts, options.queries)
    result = comparison(work, environments)
    for run in measure(peers, work, rounds=options.rounds):
        result.runs.append(run)
        print(f"{run.system}: {_shown(run)}", flush=True)
        write_json(options.environments / RESULTS, result)
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--queries", type=int, default=QUERIES, help="for each number of clients")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES, help="of the peers")
    parser.add_argument("--environments", type=Path, default=CACHE, help="where they are kept")
    parser.add_argument("--again", type=Path, help="measure nothing, show this file's results")
    parser.add_argument("--write", action="store_true", help="peers.md and peers.json, in docs")
    return parser.parse_args()


def measure_of(name: str, environment: Environment, dtype: str) -> Measure:
    """One run of a peer, given the work."""
    if name == "txtai":
        return partial(run_txtai, environment=environment, dtype=dtype)
    return partial(run_driver, environment=environment, driver=name, peer=PEERS[name], dtype=dtype)


def make_work(texts: int, queries: int) -> Work:
    """Made-up texts and, for each number of clients, queries that nobody has asked before."""
    asked: set[str] = set()

    def fresh(seed: str, count: int) -> Sequence[str]:
        return list(islice(fresh_texts(seed, asked), count))

    return Work(
        texts=list(TextMaker("corpus").texts(texts)),
        warm_up_texts=list(TextMaker("warm-up").texts(WARM_UP_TEXTS)),
        queries={clients: fresh(f"queries of {clients}", queries) for clients in CLIENTS},
        warm_up_queries={
            clients: fresh(f"warm-up of {clients}", WARM_UP[clients]) for clients in CLIENTS
        },
    )


def measure(peers: Sequence[Measure], work: Work, *, rounds: int) -> Iterator[Run]:
    """Headrace, all peers, Headrace, and so on; one at a time."""
    for _ in range(rounds):
        yield from run_headrace(work)
        for peer in peers:
            yield from peer(work)
    yield from run_headrace(work)


def comparison(work: Work, environments: Mapping[str, Environment]) -> Comparison:
    """What the figures depend on, with no runs yet."""
    packages = {PEERS[name]: each.versions() for name, each in environments.items()}
    backend = Settings().embedder.used_backend
    return Comparison(
        machine=machine(),
        model=f"{MODEL_NAMES[precision_of(backend)]} ({backend})",
        texts=len(work.texts),
        queries=len(work.queries[1]),
        versions={
            HEADRACE: {name: version(name) for name in ("headrace", *PACKAGES)},
            **{
                PEERS[name]: pinned(each.pins, packages[PEERS[name]])
                for name, each in environments.items()
            },
        },
        packages=packages,
        runs=[],
    )


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
    }


def processor() -> str:
    """The model's name where Linux says it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text("utf-8").splitlines() if listing.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def write_json(path: Path, result: Comparison) -> None:
    path.write_text(json.dumps(asdict(result), indent=1) + "\n", "utf-8")


def read_json(path: Path) -> Comparison:
    content = json.loads(path.read_text("utf-8"))
    return Comparison(**{**content, "runs": [Run(**run) for run in content["runs"]]})


def _shown(run: Run) -> str:
    return ", ".join(f"{key} {value:,.1f}" for key, value in run.figures.items())


if __name__ == "__main__":
    main()
