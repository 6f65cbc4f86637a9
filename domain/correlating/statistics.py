"""How common a name's words and a fact's values are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from domain.correlating.normal import words
from domain.models.entities import Description
from domain.models.links import TokenStatistics


def tokens_of(description: Description) -> frozenset[str]:
    """What ``TokenStatistics`` counts: ``name:garcia`` for each word, ``city=new york`` whole."""
    name = {f"name:{word}" for word in words(description.name or "")}
    facts = {f"{fact}={' '.join(words(text))}" for fact, text in description.facts.items()}
    return frozenset(name | facts)


def statistics_of(descriptions: Iterable[Description]) -> TokenStatistics:
    """Statistics of descriptions at hand; all of one kind."""
    counts: Counter[str] = Counter()
    total = 0
    for description in descriptions:
        counts.update(tokens_of(description))
        total += 1
    return TokenStatistics(total, counts)
