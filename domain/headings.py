"""What is said of a thing by the best others that stand under its heading.

A channel, a call, the versions of a document speak of one matter: where several of the best hits
stand under one heading, what else stands there is more likely to be meant than what stands alone.
A channel speaks of many matters, one after the other: what was said at about the same time counts
for more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

HEARD = 6
"""How many others are heard; those that there are not count 0."""

NEAR_DAYS = 7.0
"""What is so many days away counts half."""

UNDATED_DAYS = 14.0
"""How far things are apart of which one has no time."""

_HALVES = 0.5 ** np.arange(1, HEARD + 1)


def heading_means(
    headings: Sequence[Hashable | None], scores: Sequence[float], days: Sequence[float | None]
) -> list[float]:
    """For each thing half of the best other score under its heading, a quarter of the next, …

    Each is first divided by 1 + its distance over ``NEAR_DAYS``, which decides which is best, too.
    ``days`` are times, in days since whenever. Scores are 0 or more. What has no heading (``None``)
    stands alone. Costs the square of the number that share a heading with others.
    """
    shared = Counter(heading for heading in headings if heading is not None)
    places = [place for place, heading in enumerate(headings) if shared[heading] > 1]
    means = [0.0] * len(scores)
    if not places:
        return means
    known = [np.nan if (day := days[place]) is None else day for place in places]
    nearness = _nearness(np.array(known), _alike([headings[place] for place in places]))
    heard = nearness * np.array([scores[place] for place in places])
    best = -np.sort(-heard, axis=1)[:, :HEARD]
    sums = best @ _HALVES[: best.shape[1]]
    for place, mean in zip(places, sums.tolist(), strict=True):
        means[place] = mean
    return means


def _nearness(days: NDArray[np.float64], alike: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each to each: 1 at the same time, 0 to itself and to what is not ``alike``."""
    apart = np.abs(days[:, None] - days)
    apart[np.isnan(apart)] = UNDATED_DAYS
    nearness = alike / (1.0 + apart / NEAR_DAYS)
    np.fill_diagonal(nearness, 0.0)
    return nearness


def _alike(headings: Sequence[Hashable | None]) -> NDArray[np.bool_]:
    numbers: dict[Hashable | None, int] = {}
    codes = np.array([numbers.setdefault(heading, len(numbers)) for heading in headings])
    alike: NDArray[np.bool_] = codes[:, None] == codes
    return alike
