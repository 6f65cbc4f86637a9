"""What ``benchmarks.relevance`` has measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.blend_latency import LatencyResult
from benchmarks.relevance_cases import FoldingResult, RecencyResult, SourcesResult
from benchmarks.relevance_variants import SetResult


@dataclass(slots=True)
class RelevanceResults:
    """``model`` is the embedder's name, with what it computes in."""

    model: str
    sets: list[SetResult] = field(default_factory=list)
    choices: list[SetResult] = field(default_factory=list)
    english: list[SetResult] = field(default_factory=list)
    folding: list[FoldingResult] = field(default_factory=list)
    recency: Sequence[RecencyResult] = ()
    sources: Sequence[SourcesResult] = ()
    latency: Sequence[LatencyResult] = ()
