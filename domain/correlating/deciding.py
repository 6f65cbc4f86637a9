"""Deciding between several known entities."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.correlating.comparing import compare, log_odds
from domain.models.entities import Description, Verdict
from domain.models.links import Candidate, Decision, Id, Outcome, TokenStatistics

Left = TypeVar("Left", bound=Hashable)
Right = TypeVar("Right", bound=Hashable)

SURE = 0.9
"""A description is linked to a candidate that is at least so probable among all."""
LIKELY = 0.1
"""A candidate at least so probable is shown to whoever decides."""
_MOST_BITS = 500.0
"""Far more than any evidence has, and few enough for the sum of many odds to be finite."""


def decide(
    described: Description,
    candidates: Sequence[tuple[Id, Description]],
    statistics: TokenStatistics | None = None,
) -> Decision[Id]:
    """Which candidate a description is of, or that this is not clear, or that it is of none.

    A candidate may come several times with different descriptions; its best counts. Candidates
    are rivals: of two equally good ones neither is linked, so a name that several people share is
    not guessed, but left with its candidates. Only where nothing tells two good candidates apart
    they are taken for one entity: both come with the decision. One with the same key is linked
    whatever the others say; of several such, none. Adding a candidate never links a description
    to one of the others.
    """
    best: dict[Id, _Rated[Id]] = {}
    for id, other in candidates:
        verdict = compare(described, other, statistics)
        if id not in best or log_odds(verdict) > log_odds(best[id].verdict):
            best[id] = _Rated(id, verdict, other)
    ranked = sorted(best.values(), key=lambda one: log_odds(one.verdict), reverse=True)
    certain = [one for one in ranked if one.score == 1.0]
    if certain:
        outcome = Outcome.LINKED if len(certain) == 1 else Outcome.AMBIGUOUS
        return Decision(outcome, tuple(map(_candidate, certain)), 1 / len(certain))
    return _likeliest(ranked, statistics) if ranked else Decision(Outcome.NONE)


@dataclass(frozen=True, slots=True)
class _Rated(Generic[Id]):
    id: Id
    verdict: Verdict
    description: Description

    @property
    def score(self) -> float:
        return self.verdict.score

    @property
    def odds(self) -> float:
        return math.exp2(min(_MOST_BITS, log_odds(self.verdict)))


def _likeliest(ranked: Sequence[_Rated[Id]], statistics: TokenStatistics | None) -> Decision[Id]:
    first, *others = ranked
    same = [one for one in others if one.score >= SURE and _one_entity(first, one, statistics)]
    rivals = [one for one in others if one not in same]
    # The 1 is for "none of them".
    total = 1 + first.odds + math.fsum(one.odds for one in rivals)
    if first.odds / total >= SURE:
        return Decision(Outcome.LINKED, tuple(map(_candidate, (first, *same))), first.odds / total)
    likely = tuple(_candidate(one) for one in ranked if one.odds / total >= LIKELY)
    if not likely:
        return Decision(Outcome.NONE)
    return Decision(Outcome.AMBIGUOUS, likely, first.odds / total)


def _one_entity(a: _Rated[Id], b: _Rated[Id], statistics: TokenStatistics | None) -> bool:
    """Whether two candidates are probably one, or nothing at all tells them apart."""
    verdict = compare(a.description, b.description, statistics)
    _, *reasons = verdict.evidence
    return verdict.score >= 0.5 or all(one.weight > -1 for one in reasons)


def _candidate(rated: _Rated[Id]) -> Candidate[Id]:
    return Candidate(rated.id, rated.verdict)


def pair_up(
    verdicts: Mapping[tuple[Left, Right], Verdict], at_least: float = LIKELY
) -> list[tuple[Left, Right]]:
    """Partners between two lists that name each entity once, such as two product catalogues.

    The best pair first, then the best of those that are left, down to the score ``at_least``.
    That may be less than 0.5: knowing that there is one partner at most is evidence of its own.
    """
    best_first = sorted(verdicts.items(), key=lambda item: (-log_odds(item[1]), str(item[0])))
    lefts: set[Left] = set()
    rights: set[Right] = set()
    pairs: list[tuple[Left, Right]] = []
    for (left, right), verdict in best_first:
        if verdict.score >= at_least and left not in lefts and right not in rights:
            lefts.add(left)
            rights.add(right)
            pairs.append((left, right))
    return pairs
