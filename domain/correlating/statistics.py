"""How common a name's words and a fact's values are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from domain.correlating.fields import fields_of
from domain.models.entities import Description
from domain.models.links import TokenStatistics

_SMOOTHING = 20
"""So many imagined descriptions, of the usual frequency, temper the counts of a small store."""


def tokens_of(description: Description) -> frozenset[str]:
    """What ``TokenStatistics`` counts: ``name:garcia`` for each word of a text that is compared
    word by word, ``city:new york`` for a value that is compared whole."""
    return frozenset(
        f"{label}:{token}"
        for label, text, model in fields_of(description)
        for token in model.tokens(text)
    )


def statistics_of(descriptions: Iterable[Description]) -> TokenStatistics:
    """Statistics of descriptions at hand; all of one kind."""
    counts: Counter[str] = Counter()
    total = 0
    for description in descriptions:
        counts.update(tokens_of(description))
        total += 1
    return TokenStatistics(total, counts)


def frequency(statistics: TokenStatistics | None, token: str, usual: float) -> float:
    """The share of descriptions that carry a token; ``usual`` where too few are known to tell."""
    known = statistics or TokenStatistics()
    count = known.counts.get(token, 0) + _SMOOTHING * usual
    return min(1.0, count / (known.descriptions + _SMOOTHING))
