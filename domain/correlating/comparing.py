"""Comparing two descriptions: reasons for and against their being of one entity."""

from __future__ import annotations

import math

from domain.correlating.normal import words
from domain.models.entities import Description, Evidence, Verdict
from domain.models.links import TokenStatistics


def compare(a: Description, b: Description, statistics: TokenStatistics | None = None) -> Verdict:
    """How likely both are of one entity; the order of the two makes no difference.

    A shared key gives the score 1 and is the only evidence. Else the weights of the evidence, of
    which the first is what is known before any comparison, add up to the log2 of the odds of the
    score. ``statistics`` of all known descriptions of the kind make rare names weigh more than
    common ones; without them every name counts as moderately rare. Different kinds: score 0.
    """
    shared = sorted(a.keys & b.keys)
    if a.kind is not b.kind:
        return Verdict(0.0, (Evidence("of different kinds", -math.inf),))
    if shared:
        return Verdict(1.0, (Evidence(f"both have the key {shared[0]}", math.inf),))
    common = sorted(set(words(a.name or "")) & set(words(b.name or "")))
    evidence = (
        Evidence("one of many", -10.0),
        *(Evidence(f"both are called {word}", 7.0) for word in common),
    )
    return Verdict(probability(sum(one.weight for one in evidence)), evidence)


def probability(log_odds: float) -> float:
    """The probability whose odds have this log2; stays within (0, 1) for finite log-odds."""
    bounded = max(-50.0, min(50.0, log_odds))
    return 1 / (1 + math.exp2(-bounded))
