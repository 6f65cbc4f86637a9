"""What every driver does: a job as JSON on standard input, its figures as JSON on output.

Drivers run in a peer's own environment, so that this file needs the standard library alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

Search = Callable[[str], Sequence[int]]
"""Numbers of the ten best texts, from 0, best first."""

Index = Callable[[Sequence[str]], Search]
"""Makes an index of just these texts."""


@dataclass(frozen=True, slots=True)
class Job:
    """``model`` is a folder; ``dtype`` what to compute in, in torch's words."""

    model: str
    dtype: str
    batch_size: int
    texts: Sequence[str]
    warm_up_texts: Sequence[str]
    queries: Sequence[str]
    warm_up_queries: Sequence[str]


@dataclass(frozen=True, slots=True)
class Report:
    """``found`` is the number of the first hit for the first text, which should be 0."""

    texts: int
    import_seconds: float
    query_ms: Sequence[float]
    found: int


def run(load: Callable[[Job], Index]) -> None:
    """Import the texts and ask the queries one after the other, both after a warm-up."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    job = Job(**json.load(sys.stdin))
    index = load(job)
    index(job.warm_up_texts)
    started = time.perf_counter()
    search = index(job.texts)
    seconds = time.perf_counter() - started
    found = search(job.texts[0])[0]
    for query in job.warm_up_queries:
        search(query)
    query_ms = [_milliseconds(search, query) for query in job.queries]
    print(json.dumps(asdict(Report(len(job.texts), seconds, query_ms, int(found)))))


def _milliseconds(search: Search, query: str) -> float:
    started = time.perf_counter()
    search(query)
    return (time.perf_counter() - started) * 1000
