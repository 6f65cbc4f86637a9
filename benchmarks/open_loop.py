"""``python -m benchmarks.open_loop``: how queries fare that come whether or not others are done.

A fresh service imports made-up texts. A client in a process of its own holds many connections open
and asks at times that are fixed beforehand; every other question was asked before. First a ladder
of rates, then one rate for minutes. Beside them the same client asks at the same rate for a route
that does nothing, which is the limit, and a server that does nothing, which is the client's own
cost. ``--write`` keeps the results in docs/benchmarks.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice, takewhile
from typing import Any

from benchmarks import load_page, series_plots
from benchmarks.http_client import NO_ANSWER
from benchmarks.imports import csv_of
from benchmarks.noop_server import noop_server
from benchmarks.open_loop_client import Plan, Run, run_client
from benchmarks.queries import POPULAR, fresh_texts, half_repeated, percentiles
from benchmarks.schedule import SCHEDULES, due_times
from benchmarks.service import BenchmarkFailed, Service, fresh_service
from benchmarks.texts import TextMaker

P95_LIMIT_MS = 100.0


@dataclass(frozen=True, slots=True)
class Load:
    """``rate`` requests a second over so many connections."""

    rate: float
    seconds: float
    connections: int
    schedule: str


@dataclass(frozen=True, slots=True)
class RateResult:
    """Latencies are of answers with status 200, from when they were due; see also ``errors``.

    ``late_p99_ms`` is how late the client itself was, ``client_cpu_us`` what a request cost it.
    ``p50_ms`` and the others are ``None`` where nothing was answered.
    """

    rate: float
    seconds: float
    connections: int
    requests: int
    achieved_rate: float
    errors: dict[str, int]
    degraded: int
    cached_share: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    late_p99_ms: float
    client_cpu_us: float
    reopened: int

    @property
    def holds(self) -> bool:
        """Whether all were answered, and p95 is within the limit."""
        return not self.errors and self.p95_ms is not None and self.p95_ms <= P95_LIMIT_MS


def summary(load: Load, run: Run) -> RateResult:
    answered = [one for one in run.outcomes if one.status == 200]
    latencies = [one.latency_ms for one in answered]
    return RateResult(
        rate=load.rate,
        seconds=load.seconds,
        connections=load.connections,
        requests=len(run.outcomes),
        achieved_rate=len(answered) / run.seconds,
        errors=dict(Counter(_name(one.status) for one in run.outcomes if one.status != 200)),
        degraded=sum(one.is_degraded for one in answered),
        cached_share=sum(one.is_cached for one in answered) / max(1, len(answered)),
        **(percentiles(latencies) if latencies else dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"))),
        max_ms=max(latencies, default=None),
        late_p99_ms=percentiles([one.late_ms for one in run.outcomes])["p99_ms"],
        client_cpu_us=run.cpu_seconds / len(run.outcomes) * 1e6,
        reopened=run.reopened,
    )


def _name(status: int) -> str:
    return "no answer" if status == NO_ANSWER else str(status)


def highest_held(rungs: Sequence[RateResult]) -> float | None:
    """The highest rate up to which every rung of the ladder holds, rates rising."""
    held = list(takewhile(lambda rung: rung.holds, rungs))
    return held[-1].rate if held else None


class Asking:
    """Puts load on a service; what it has asked once counts as fresh no more."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked: set[str] = set()
        self._popular = list(islice(fresh_texts("popular", self._asked), POPULAR))

    def warm_up(self) -> int:
        """Ask each popular question once; returns about how many bytes an answer has."""
        ask = partial(self._service.call, "POST", "/v1/query")
        answers = [ask(json.dumps({"query": text}).encode()) for text in self._popular]
        sizes = [len(json.dumps(answer)) for answer in answers]
        return sorted(sizes)[len(sizes) // 2]

    def queries(self, load: Load, name: str) -> RateResult:
        due = _due(load, name)
        texts = half_repeated(fresh_texts(name, self._asked), self._popular, name)
        plan = Plan(self._service.port, load.connections, due, list(islice(texts, len(due))))
        return summary(load, run_client(plan))


def nothing(load: Load, port: int) -> RateResult:
    """The same load on a route, or a server, that does nothing."""
    return summary(load, run_client(Plan(port, load.connections, _due(load, "nothing"))))


def _due(load: Load, seed: str) -> list[float]:
    return due_times(load.schedule, load.rate, load.seconds, seed=seed)


def measure(texts: int, rates: Sequence[float], rung_seconds: float, load: Load) -> dict[str, Any]:
    """Import, climb the ladder, then ask at the load's rate; the page's results."""
    with fresh_service() as service:
        _import(service, texts)
        asking = Asking(service)
        size = asking.warm_up()
        rung = replace(load, seconds=rung_seconds)
        with noop_server(size) as port:
            alone = _told("a server that does nothing", nothing(rung, port))
        idle = _told("a route that does nothing", nothing(rung, service.port))
        rungs = [
            _told("queries", asking.queries(replace(rung, rate=rate), f"rung {rate:g}"))
            for rate in sorted(rates)
        ]
        asked = _told("queries", asking.queries(load, "long"))
        status = service.call("GET", "/v1/status")
    return {
        "model": status["model"],
        "chunks": status["chunks"],
        "answer_bytes": size,
        "schedule": load.schedule,
        "p95_limit_ms": P95_LIMIT_MS,
        "highest_held_rate": highest_held(rungs),
        "holds": asked.holds,
        "asked": asdict(asked),
        "idle": asdict(idle),
        "client_alone": asdict(alone),
        "ladder": [asdict(one) for one in rungs],
    }


def _import(service: Service, texts: int) -> None:
    _say(f"importing {texts:,} texts")
    content = csv_of(list(TextMaker("corpus").texts(texts)))
    imported = service.import_bytes("corpus.csv", content)
    if imported["ledger"]["indexed"] != texts:
        raise BenchmarkFailed(f"{texts:,} texts, ledger {imported['ledger']}")
    service.settle()


def _say(line: str) -> None:
    print(line, flush=True)


def _told(what: str, result: RateResult) -> RateResult:
    times = (result.p50_ms, result.p95_ms, result.p99_ms, result.max_ms)
    shown = "/".join("–" if one is None else f"{one:.1f}" for one in times)
    _say(
        f"{what}, {result.rate:g}/s for {result.seconds:g} s over {result.connections:,} "
        f"connections: {result.achieved_rate:.1f}/s answered, errors {result.errors or 0}, "
        f"degraded {result.degraded}, p50/p95/p99/max {shown} ms, cached "
        f"{result.cached_share:.0%}; client: {result.client_cpu_us:.0f} us of processor a request, "
        f"late by p99 {result.late_p99_ms:.1f} ms, reopened {result.reopened}"
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_loop", description=__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=200, help="queries a second")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--ladder", type=float, nargs="*", default=[50, 100, 150, 200])
    parser.add_argument("--rung-seconds", type=float, default=30)
    parser.add_argument("--schedule", choices=SCHEDULES, default="poisson")
    parser.add_argument("--quick", action="store_true", help="small: seconds, few connections")
    parser.add_argument("--write", action="store_true", help="keep the results in docs/benchmarks")
    options = parser.parse_args()
    if options.quick:
        load = Load(10, 5, 50, options.schedule)
        results = measure(200, (5, 10), 2, load)
    else:
        load = Load(options.rate, options.seconds, options.connections, options.schedule)
        results = measure(options.texts, options.ladder, options.rung_seconds, load)
    drawings = {"open-loop": series_plots.ladder(results)}
    load_page.keep("open-loop", results, write=options.write, drawings=drawings)


if __name__ == "__main__":
    main()
