"""Deciding between several known entities."""

from __future__ import annotations

from collections.abc import Sequence

from domain.correlating.comparing import compare
from domain.models.entities import Description
from domain.models.links import Candidate, Decision, Id, Outcome, TokenStatistics


def decide(
    described: Description,
    candidates: Sequence[tuple[Id, Description]],
    statistics: TokenStatistics | None = None,
) -> Decision[Id]:
    """Which candidate a description is of, or that this is not clear, or that it is of none.

    A candidate may come several times with different descriptions; its best counts. An ambiguous
    description is left unlinked, with its candidates: a name that several people share is not
    guessed. Keys shared with two candidates are ambiguous, too. Adding a candidate never links a
    description to one of the others.
    """
    best: dict[Id, Candidate[Id]] = {}
    for id, other in candidates:
        verdict = compare(described, other, statistics)
        if id not in best or verdict.score > best[id].verdict.score:
            best[id] = Candidate(id, verdict)
    ranked = sorted(best.values(), key=lambda one: one.verdict.score, reverse=True)
    likely = tuple(one for one in ranked if one.verdict.score >= 0.5)
    if not likely:
        return Decision(Outcome.NONE)
    outcome = Outcome.LINKED if len(likely) == 1 else Outcome.AMBIGUOUS
    return Decision(outcome, likely, likely[0].verdict.score / len(likely))
