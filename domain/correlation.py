"""Correlation: which descriptions in records of several sources are of one entity.

Exact keys decide alone. Without a shared key, what both descriptions say is compared field by
field, and what each comparison is worth is added up: the model of Fellegi and Sunter. How matching
works, and what its weights are, is told in ``docs/correlation.md``.
"""

from __future__ import annotations

from domain.correlating.blocking import blocking_keys
from domain.correlating.comparing import compare
from domain.correlating.deciding import LIKELY, SURE, decide, pair_up
from domain.correlating.mentions import FoundName, NameDictionary, mentions_in, shortened
from domain.correlating.statistics import statistics_of, tokens_of
from domain.models.links import Candidate, Decision, Outcome, TokenStatistics

__all__ = [
    "LIKELY",
    "SURE",
    "Candidate",
    "Decision",
    "FoundName",
    "NameDictionary",
    "Outcome",
    "TokenStatistics",
    "blocking_keys",
    "compare",
    "decide",
    "mentions_in",
    "pair_up",
    "shortened",
    "statistics_of",
    "tokens_of",
]
