"""What one leg found and another did not, so that the other can be asked for its score, too.

That a record is not among a leg's best says only that it scores less than the last of them. Taken
for a score of 0 it would count for much: two records that other legs hold for equals would be told
apart by which side of an arbitrary hundredth place they are on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from domain.models.search import Match, best_first


def unheard(ranking: Sequence[Match], others: Iterable[Match]) -> list[Match]:
    """The best chunk of each record that is among ``others`` alone; ``others`` are best first."""
    known = {match.record_id.int for match in ranking}
    missing: dict[int, Match] = {}
    for match in others:
        if match.record_id.int not in known:
            missing.setdefault(match.record_id.int, match)
    return list(missing.values())


def continued_by(ranking: Sequence[Match], found: Iterable[Match]) -> list[Match]:
    """The ranking with what else was ``found``, best first, none of it above the ranking's last.

    A ranking that is cut off has the best there are: a score above its last one is of other
    statistics (an index may count words among what is asked for alone), and is taken for that one.
    """
    last = ranking[-1].score if ranking else inf
    behind = [match if match.score <= last else match._replace(score=last) for match in found]
    return best_first([*ranking, *behind])
