"""What was measured of whom, and Headrace's figures as ratios to those of its peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

HEADRACE = "Headrace"
TXTAI, LLAMAINDEX, PLAIN = "txtai", "LlamaIndex", "sentence-transformers + FAISS"
OVER_HTTP = (HEADRACE, TXTAI)
DTYPES = ("float32", "bfloat16")
"""What peers compute in: first what they do by themselves."""

MANY_CLIENTS = 16
CLIENTS = (1, MANY_CLIENTS)


def variant(peer: str, *changes: str) -> str:
    """The name of a peer with other settings than those that it is compared with by the floors."""
    return ", ".join([peer, *(change for change in changes if change != DTYPES[0])])


def via(system: str) -> str:
    """How a system is asked, whatever its variant."""
    is_service = system.split(", ")[0] in OVER_HTTP
    return "HTTP, hybrid" if is_service else "in process, vectors"


@dataclass(frozen=True, slots=True)
class Metric:
    """One kind of figure, by its key in results."""

    key: str
    title: str
    more_is_better: bool

    def favours_peer(self, ratio: float) -> bool:
        """Whether Headrace's figure over the peer's is on the peer's side of 1."""
        return self.advantage(ratio) > 1

    def advantage(self, ratio: float) -> float:
        """How many times as good the peer's figure is."""
        return 1 / ratio if self.more_is_better else ratio


IMPORT = Metric("import_rate", "texts/s", more_is_better=True)
START = Metric("start_seconds", "start, s", more_is_better=False)
MEMORY = Metric("memory_mb", "memory, MB", more_is_better=False)


def rate(clients: int) -> Metric:
    return Metric(f"queries_per_second_{clients}", "queries/s", more_is_better=True)


def latency(percentile: str, clients: int) -> Metric:
    return Metric(f"{percentile}_ms_{clients}", f"{percentile} ms", more_is_better=False)


@dataclass(frozen=True, slots=True)
class Run:
    """A system's figures of one run, by their metrics' keys."""

    system: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Floor:
    """What Headrace has to reach: a ratio to the best of some peers."""

    says: str
    metric: Metric
    peers: tuple[str, ...]
    ratio: float

    def is_met(self, reached: float) -> bool:
        return reached >= self.ratio if self.metric.more_is_better else reached <= self.ratio


FLOORS = (
    Floor(
        "import at 2.5 times the rate of the faster of txtai and LlamaIndex",
        IMPORT,
        (TXTAI, LLAMAINDEX),
        2.5,
    ),
    Floor("3 times the queries/s of txtai's API, 16 clients", rate(MANY_CLIENTS), (TXTAI,), 3.0),
    Floor("half the p95 of txtai's API, 16 clients", latency("p95", MANY_CLIENTS), (TXTAI,), 0.5),
)


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def systems(runs: Sequence[Run]) -> list[str]:
    """In the order of their first runs."""
    return list(dict.fromkeys(run.system for run in runs))


def values(runs: Sequence[Run], system: str, metric: Metric) -> list[float]:
    """One for each run that has this figure, in order of time."""
    return [
        run.figures[metric.key]
        for run in runs
        if run.system == system and metric.key in run.figures
    ]


def ratios(runs: Sequence[Run], peer: str, metric: Metric) -> list[float]:
    """Headrace's figure over the peer's, one for each run of the peer that has it.

    Headrace's is the mean of its last run before and its first one after the peer's, so that a
    machine that steadily slows down or speeds up favours nobody.
    """
    return [
        _beside(runs, at, metric) / run.figures[metric.key]
        for at, run in enumerate(runs)
        if run.system == peer and metric.key in run.figures
    ]


def _beside(runs: Sequence[Run], at: int, metric: Metric) -> float:
    before = values(runs[:at], HEADRACE, metric)[-1:]
    after = values(runs[at:], HEADRACE, metric)[:1]
    return fmean(before + after)


def reached(runs: Sequence[Run], floor: Floor) -> Spread | None:
    """Ratios to the best of the floor's peers of each round; ``None`` where none was measured."""
    of_each = [ratios(runs, peer, floor.metric) for peer in floor.peers]
    hardest = min if floor.metric.more_is_better else max
    best = [hardest(of_round) for of_round in zip(*filter(None, of_each), strict=True)]
    return spread(best) if best else None


def better_peers(
    runs: Sequence[Run], metrics: Sequence[Metric]
) -> Iterator[tuple[str, Metric, float]]:
    """Every peer and metric whose median ratio is on the peer's side, with that ratio."""
    for peer in systems(runs):
        for metric in metrics:
            found = [] if peer == HEADRACE else ratios(runs, peer, metric)
            if found and metric.favours_peer(median(found)):
                yield peer, metric, median(found)
