"""What ``/metrics`` says about a service, sampled while things break."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.load import Worker

SAMPLE_SECONDS = 0.1
STATES = ("closed", "half-open", "open")
"""The values of ``headrace_breaker_state``."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The metrics at a moment (monotonic seconds): breakers by dependency, chunks stored so far.

    ``stored`` and ``waiting`` are ``None`` while the metadata store is away.
    """

    at: float
    breakers: Mapping[str, str]
    stored: int | None
    waiting: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """A breaker was in ``after`` for the first time at ``at``, having been in ``before``."""

    at: float
    dependency: str
    before: str
    after: str


@dataclass
class Watch(Worker):
    """Samples the metrics ten times a second; a sample that does not come is left out."""

    samples: list[Sample] = field(default_factory=list)

    def turn(self) -> None:
        at = time.monotonic()
        try:
            answer = httpx.get(f"{self.world.url}/metrics", timeout=15)
        except httpx.HTTPError:
            answer = None
        if answer is not None and answer.status_code == 200:
            self.samples.append(sample_of(answer.text, at))
        self.stopping.wait(SAMPLE_SECONDS)

    def changes(self) -> Iterator[Change]:
        """Each change of each breaker, as far as samples show it, in order."""
        for earlier, later in pairwise(self.samples):
            for dependency, after in later.breakers.items():
                before = earlier.breakers.get(dependency, after)
                if before != after:
                    yield Change(later.at, dependency, before, after)

    def stored_at(self, moment: float) -> int:
        """How many chunks were stored by then, as far as known."""
        known = [one.stored for one in self.samples if one.at <= moment and one.stored is not None]
        return known[-1] if known else 0


def sample_of(text: str, at: float) -> Sample:
    values = {
        (one.name, one.labels.get("dependency", "")): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    stored = values.get(("headrace_embedding_texts_total", ""))
    waiting = values.get(("headrace_queue_depth", ""))
    return Sample(
        at,
        {
            dependency: STATES[int(value)]
            for (name, dependency), value in values.items()
            if name == "headrace_breaker_state"
        },
        None if stored is None else int(stored),
        None if waiting is None else int(waiting),
    )
