"""Comparing two descriptions: reasons for and against their being of one entity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from domain.correlating.fields import fields_of
from domain.correlating.statistics import frequency
from domain.correlating.wording import quoted
from domain.models.entities import IN_TEXT, Description, Evidence, Verdict
from domain.models.links import TokenStatistics

_USUAL_NUMBER = 1000
"""Descriptions of a kind, where statistics do not say how many there are."""
_FEWEST = 50
_KNOWN = 0.9
"""The share of descriptions whose entity is known already."""


def compare(a: Description, b: Description, statistics: TokenStatistics | None = None) -> Verdict:
    """How likely both are of one entity; the order of the two makes no difference.

    A shared key gives the score 1 and is the only evidence. Else the weights of the evidence, of
    which the first is what is known before any comparison, add up to the log2 of the odds of the
    score, as far as 40. ``statistics`` of all known descriptions of the kind make rare names weigh
    more than common ones; without them every name counts as moderately rare. Different kinds:
    score 0.
    """
    if a.kind is not b.kind:
        return Verdict(0.0, (Evidence("of different kinds", -math.inf),))
    if shared := min(a.keys & b.keys, default=None):
        return Verdict(1.0, (Evidence(f"both have the key {shared}", math.inf),))
    evidence = (_before(statistics), *_keys_apart(a, b), *_fields(a, b, statistics))
    return Verdict(probability(_total(evidence)), evidence)


def log_odds(verdict: Verdict) -> float:
    """The sum of the evidence: tells good candidates apart whose scores are both next to 1."""
    return _total(verdict.evidence)


def _total(evidence: Sequence[Evidence]) -> float:
    return math.fsum(one.weight for one in evidence)


def probability(log_odds: float) -> float:
    """The probability whose odds have this log2, of which no more than 40 bits count.

    So only a shared key gives 1, and 1 - score keeps some digits.
    """
    bounded = max(-40.0, min(40.0, log_odds))
    return 1 / (1 + math.exp2(-bounded))


def _before(statistics: TokenStatistics | None) -> Evidence:
    known = statistics.descriptions if statistics else _USUAL_NUMBER
    odds = _KNOWN / (1 - _KNOWN) / max(known, _FEWEST)
    return Evidence(f"one of {known:,} known", math.log2(odds))


def _fields(
    a: Description, b: Description, statistics: TokenStatistics | None
) -> Iterator[Evidence]:
    others = {label: text for label, text, _ in fields_of(b)}
    for label, text, model in fields_of(a):
        other = others.get(label)
        if other is None:
            continue

        def how_common(token: str, label: str = label, usual: float = model.usual) -> float:
            return frequency(statistics, f"{label}:{token}", usual)

        yield from model.compare(label, text, other, how_common)


def _keys_apart(a: Description, b: Description) -> Iterator[Evidence]:
    """Two numbers of one list, such as two Slack users of one workspace, are rarely one entity."""
    for system in sorted(_lists(a) & _lists(b)):
        yield Evidence(f"each has a key of its own in {quoted(system)}", -10.0)


def _lists(description: Description) -> frozenset[str]:
    return frozenset(filter(None, map(_list_of, description.keys)))


def _list_of(key: str) -> str | None:
    """The list that a key is a number of, None if one entity may well have several of them.

    ``slack-user:T1`` of ``slack-user:T1/U2``, ``salesforce:003`` of a contact, ``gong-user`` of a
    user, None of a mail address or a name in texts.
    """
    system, _, value = key.partition(":")
    if system == "email" or key.startswith(IN_TEXT):
        return None
    if system == "salesforce":
        return key[:14]
    container, slash, _ = value.rpartition("/")
    return f"{system}:{container}" if slash else system
