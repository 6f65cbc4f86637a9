"""Query latency over HTTP, uncached, split into the stages that the service reports."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import chain, islice
from math import ceil
from random import Random
from typing import Any, TypeVar

from benchmarks.service import BenchmarkFailed, Service, request
from benchmarks.texts import TextMaker
from serve_app.replicas import REQUESTS_PER_REPLICA

Answer = TypeVar("Answer")

WARM_UP_QUERIES = 30
"""So that the first measured query finds open connections and read pages."""

WARM_UP_SECONDS = 45
"""Of more clients than a replica is meant to serve: a further one has come until then."""

POPULAR = 100
"""Questions that load asks again and again."""

SPLIT = ("embed", "legs", "blend", "http")
"""The parts of a query that follow each other."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One query, in milliseconds: on the client's clock, and what the service says."""

    total_ms: float
    took_ms: float
    stages_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """``parts`` are percentiles of each stage, and of what HTTP and Ray Serve add."""

    clients: int
    queries: int
    queries_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    parts: Mapping[str, Mapping[str, float]]
    all_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class KeptResult:
    """Questions that were asked before, in alternation with a route that does nothing."""

    queries: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    idle_p50_ms: float
    idle_p95_ms: float

    @property
    def ratio(self) -> float:
        """How many times as long as doing nothing a kept answer takes, at p50."""
        return self.p50_ms / self.idle_p50_ms


def fresh_texts(seed: str, asked: set[str]) -> Iterator[str]:
    """Made-up queries that are not in ``asked``, to which they are added."""
    maker = TextMaker(seed)
    while True:
        text = maker.query()
        if text not in asked:
            asked.add(text)
            yield text


def half_repeated(fresh: Iterator[str], popular: Sequence[str], seed: str) -> Iterator[str]:
    """A fresh question and a popular one in turn."""
    chance = Random(seed)
    return chain.from_iterable((text, chance.choice(popular)) for text in fresh)


def measure_kept(service: Service, *, queries: int, asked: set[str]) -> KeptResult:
    """One client asks what it has just asked, and between any two questions for nothing."""
    texts = list(islice(fresh_texts("kept queries", asked), queries))
    kept: list[float] = []
    idle: list[float] = []
    connection = service.connect()
    try:
        for text in texts:
            body = json.dumps({"query": text}).encode()
            request(connection, "POST", "/v1/query", body)
            started = time.perf_counter()
            answer = request(connection, "POST", "/v1/query", body)
            between = time.perf_counter()
            request(connection, "GET", "/health/live")
            kept.append((between - started) * 1000)
            idle.append((time.perf_counter() - between) * 1000)
            if not answer["cached"]:
                raise BenchmarkFailed(f"asked twice and computed twice: {text}")
    finally:
        connection.close()
    of_idle = percentiles(idle)
    return KeptResult(
        len(kept), **percentiles(kept), idle_p50_ms=of_idle["p50_ms"], idle_p95_ms=of_idle["p95_ms"]
    )


def measure_queries(
    service: Service, *, clients: int, queries: int, asked: set[str]
) -> QueryResult:
    """Every query is asked once, so that no cache can answer; clients wait for their answers.

    ``asked`` has what the service was asked before, and afterwards these, too.
    """
    fresh = fresh_texts(f"queries of {clients} clients", asked)
    for some in warm_up(fresh, clients):
        _ask_all(service, some, clients)
    texts = list(islice(fresh, queries))
    started = time.perf_counter()
    samples = _ask_all(service, texts, clients)
    seconds = time.perf_counter() - started
    if len(samples) != len(texts):
        raise BenchmarkFailed(f"{len(texts) - len(samples)} queries of {len(texts)} failed")
    totals = sorted(sample.total_ms for sample in samples)
    return QueryResult(
        clients=clients,
        queries=len(samples),
        queries_per_second=len(samples) / seconds,
        **percentiles(totals),
        parts=_parts(samples),
        all_ms=[round(total, 3) for total in totals],
    )


def warm_up(fresh: Iterator[str], clients: int) -> Iterator[Sequence[str]]:
    """Queries to ask first, some at a time, until as many replicas answer as will."""
    until = time.monotonic() + (WARM_UP_SECONDS if clients > REQUESTS_PER_REPLICA else 0)
    some = list(islice(fresh, WARM_UP_QUERIES))
    while some:
        yield some
        some = list(islice(fresh, 10 * clients)) if time.monotonic() < until else []


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 by nearest rank."""
    ordered = sorted(values)
    rank = {name: ceil(share * len(ordered)) - 1 for name, share in _SHARES}
    return {name: ordered[at] for name, at in rank.items()}


_SHARES = (("p50_ms", 0.50), ("p95_ms", 0.95), ("p99_ms", 0.99))


def _ask_all(service: Service, texts: Sequence[str], clients: int) -> list[Sample]:
    return closed_loop(service.connect, _ask, texts, clients)


def _ask(connection: HTTPConnection, text: str) -> Sample:
    body = json.dumps({"query": text, "explain": True}).encode()
    started = time.perf_counter()
    answer = request(connection, "POST", "/v1/query", body)
    total_ms = (time.perf_counter() - started) * 1000
    check_fresh(answer)
    return Sample(total_ms, answer["took_ms"], answer["stages_ms"])


def check_fresh(answer: Mapping[str, Any]) -> None:
    """Fail unless all legs have computed this answer for this query."""
    if answer["cached"] or answer["degraded"]:
        missing = answer["degraded_legs"] + answer["unavailable"]
        raise BenchmarkFailed(f"not a fresh, whole answer: without {missing}")


def closed_loop(
    connect: Callable[[], HTTPConnection],
    ask: Callable[[HTTPConnection, str], Answer],
    texts: Sequence[str],
    clients: int,
) -> list[Answer]:
    """Clients that share the texts; each has a connection and waits for its answers.

    Returns what ``ask`` gave, in no order. A client whose question fails asks no more, so that
    fewer answers than texts mean a failure; its error is on standard error.
    """
    answers: list[Answer] = []

    def client(share: Sequence[str]) -> None:
        connection = connect()
        try:
            for text in share:
                answers.append(ask(connection, text))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=client, args=(texts[number::clients],)) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _parts(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """The service's stages, and the split that adds up to a query's whole time (``SPLIT``).

    Legs run side by side, one of them beside the embedding, so what the legs cost is the time
    that is left of the answer's beside embedding and blending.
    """
    names = dict.fromkeys(name for sample in samples for name in sample.stages_ms)
    # Not every query needs every stage.
    stages = {name: [sample.stages_ms.get(name, 0.0) for sample in samples] for name in names}
    stages["legs"] = [
        sample.took_ms - sum(sample.stages_ms[name] for name in SPLIT if name in sample.stages_ms)
        for sample in samples
    ]
    stages["http"] = [sample.total_ms - sample.took_ms for sample in samples]
    return {name: percentiles(values) for name, values in stages.items()}
