"""How good a ranking is, measured against judged documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def ndcg(ranking: Sequence[str], gains: Mapping[str, float], *, at: int) -> float:
    """Discounted cumulative gain of the first ``at``, as a share of the best possible."""
    found = _discounted([gains.get(document, 0.0) for document in ranking[:at]])
    best = _discounted(sorted(gains.values(), reverse=True)[:at])
    return found / best if best else 0.0


def recall(ranking: Sequence[str], gains: Mapping[str, float], *, at: int) -> float:
    """Share of the relevant documents that are among the first ``at``."""
    return len(gains.keys() & set(ranking[:at])) / len(gains) if gains else 0.0


def reciprocal_rank(ranking: Sequence[str], gains: Mapping[str, float], *, at: int) -> float:
    """1 / rank of the first relevant document, 0 if it is not among the first ``at``."""
    for rank, document in enumerate(ranking[:at], start=1):
        if document in gains:
            return 1 / rank
    return 0.0


def success(ranking: Sequence[str], gains: Mapping[str, float], *, at: int) -> float:
    """1 if any relevant document is among the first ``at``, else 0."""
    return float(not gains.keys().isdisjoint(ranking[:at]))


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
