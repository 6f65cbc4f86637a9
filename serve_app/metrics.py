"""What Prometheus sees of the API's processes, and of the whole system where the store knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from actors.breakers import Dependency, GateStatus
from domain.breaker import BreakerState
from domain.models.events import EventCounts
from domain.models.files import ImportTotals, ProcessingStatus, QueueState
from domain.models.search import Answer, SearchMode
from pipelines.answer_cache import Outcome
from serve_app.counting import counted

LATENCY_BUCKETS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
"""Seconds. Dense where a query should be."""

LEVEL_OF = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


@dataclass(frozen=True, slots=True)
class SystemTotals:
    """Numbers that live in the stores, true across processes and restarts.

    ``None`` is what a store that is away does not tell.
    """

    imports: ImportTotals | None
    queue: QueueState | None
    events: EventCounts | None
    index_chunks: int | None
    generation: int


class Metrics:
    """Counts what this process does; ``exposition`` adds what the stores know."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._seen: dict[tuple[str, ...], int] = {}
        self.queries = self._counter(
            "headrace_queries", "Queries answered, by mode and outcome.", "mode", "outcome"
        )
        self.query_latency = self._histogram(
            "headrace_query_latency_seconds",
            "Time from a query's arrival to its answer, without HTTP.",
            "mode",
        )
        self.stage_latency = self._histogram(
            "headrace_query_stage_latency_seconds",
            "Time of each stage of a query: embedding, the legs, blending.",
            "stage",
        )
        self.queries_embedded = self._counter("headrace_query_embeddings", "Query texts embedded.")
        self.cache_requests = self._counter(
            "headrace_cache_requests",
            "Answers, by where they came from: a cache, another's computation, or their own.",
            "outcome",
        )
        self.upload_bytes = self._counter("headrace_upload_bytes", "Bytes of accepted uploads.")
        self.history_dropped = self._counter(
            "headrace_query_history_dropped",
            "Queries left out of the history because its buffer was full.",
        )
        self._of_gates = {
            "trips": self._counter(
                "headrace_breaker_trips",
                "How often a circuit breaker has opened in an API process.",
                "dependency",
            ),
            "refusals": self._counter(
                "headrace_breaker_refusals",
                "Calls that were not made, since the circuit breaker was open.",
                "dependency",
            ),
            "retries": self._counter(
                "headrace_retries",
                "Calls that were made again after an error that may pass.",
                "dependency",
            ),
        }

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self._registry)

    def _histogram(self, name: str, documentation: str, *labels: str) -> Histogram:
        return Histogram(
            name, documentation, labels, buckets=LATENCY_BUCKETS, registry=self._registry
        )

    def count_answer(self, mode: SearchMode, answer: Answer) -> None:
        outcome = "degraded" if answer.is_degraded else "ok"
        self.queries.labels(mode, outcome).inc()
        self.query_latency.labels(mode).observe(answer.took_ms / 1000)
        for stage, milliseconds in answer.stages_ms.items():
            self.stage_latency.labels(stage).observe(milliseconds / 1000)

    def count_cache(self, outcome: Outcome) -> None:
        self.cache_requests.labels(outcome).inc()

    def count_failure(self, mode: SearchMode) -> None:
        self.queries.labels(mode, "error").inc()

    def follow_history(self, dropped: int) -> None:
        """Bring the counter up to what the buffer has counted."""
        self.history_dropped.inc(self._more(dropped, "history"))

    def follow_gates(self, gates: Mapping[Dependency, GateStatus]) -> None:
        """Bring the counters up to what the circuit breakers have counted."""
        for name, gate in gates.items():
            for what, counter in self._of_gates.items():
                counter.labels(name).inc(self._more(getattr(gate, what), what, name))

    def _more(self, count: int, *what: str) -> int:
        """By how much it is more than when it was last looked at."""
        before = self._seen.get(what, 0)
        self._seen[what] = count
        return count - before

    def exposition(self, totals: SystemTotals, gates: Mapping[Dependency, GateStatus]) -> bytes:
        """Everything in Prometheus' text format."""
        self.follow_gates(gates)
        asked = CollectorRegistry(auto_describe=False)
        asked.register(_Stored(totals))
        asked.register(_Guarded(gates))
        return generate_latest(counted(self._registry)) + generate_latest(asked)


class _Guarded:
    """How circuit breakers stand, as a collector that is used once."""

    def __init__(self, gates: Mapping[Dependency, GateStatus]) -> None:
        self._gates = gates

    def collect(self) -> Iterator[Metric]:
        yield _gauge_by(
            "headrace_breaker_state",
            "Circuit breakers: 0 closed, 1 half-open, 2 open.",
            "dependency",
            ((name, LEVEL_OF[gate.state]) for name, gate in self._gates.items()),
        )


class _Stored:
    """The stores' totals as a collector that is used once."""

    def __init__(self, totals: SystemTotals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        totals = self._totals
        if totals.imports is not None:
            yield from self._imported(totals.imports)
        if totals.queue is not None:
            yield from _queue_metrics(totals.queue)
        if totals.events is not None:
            yield from _event_metrics(totals.events)
        if totals.index_chunks is not None:
            yield GaugeMetricFamily(
                "headrace_index_chunks", "Chunks searched.", totals.index_chunks
            )
        yield GaugeMetricFamily(
            "headrace_index_generation", "Number of the index's content.", totals.generation
        )

    def _imported(self, imports: ImportTotals) -> Iterator[Metric]:
        ledger = imports.ledger
        yield _gauge_by(
            "headrace_files_total",
            "Files by status.",
            "status",
            ((status, imports.files.get(status, 0)) for status in ProcessingStatus),
        )
        yield _counter_by(
            "headrace_import_records",
            "Records read by imports, by what became of them; falls when files are deleted.",
            "outcome",
            {
                "indexed": ledger.indexed,
                "unchanged": ledger.unchanged,
                "dropped": sum(ledger.dropped.values()),
                "failed": ledger.failed,
            },
        )
        yield CounterMetricFamily(
            "headrace_embedding_texts",
            "Chunks embedded by imports and stored; falls when files are deleted.",
            imports.chunks,
        )


def _queue_metrics(queue: QueueState) -> Iterator[Metric]:
    """How much work there is, and how long the oldest of it has waited."""
    yield GaugeMetricFamily("headrace_queue_depth", "Files that are not finished.", queue.depth)
    yield _gauge_by(
        "headrace_queue_waiting_files",
        "Files that wait for a worker, by priority.",
        "priority",
        queue.waiting.items(),
    )
    yield GaugeMetricFamily(
        "headrace_queue_oldest_seconds",
        "How long the file that has waited longest has; 0 where none waits.",
        queue.oldest_seconds or 0.0,
    )
    yield GaugeMetricFamily(
        "headrace_files_in_flight", "Files that are worked on now.", queue.in_flight
    )


def _event_metrics(events: EventCounts) -> Iterator[Metric]:
    """Events that wait, how long the oldest has, and those that were given up."""
    yield GaugeMetricFamily(
        "headrace_events_pending", "Events that wait for their handlers.", events.pending
    )
    yield GaugeMetricFamily(
        "headrace_events_oldest_pending_seconds",
        "How long the oldest of these has waited; 0 where none does.",
        events.oldest_pending_seconds or 0.0,
    )
    yield GaugeMetricFamily(
        "headrace_events_dead", "Events that could not be handled.", events.dead
    )


def _gauge_by(
    name: str, documentation: str, label: str, values: Iterable[tuple[str, int]]
) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family


def _counter_by(name: str, documentation: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
