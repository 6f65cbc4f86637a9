"""What is said of a thing by the best others that stand under its heading.

A channel, a call, the versions of a document speak of one matter: where several of the best hits
stand under one heading, what else stands there is more likely to be meant than what stands alone.
A channel speaks of many matters, one after the other: what was said at about the same time counts
for more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

HEARD = 6
"""How many others are heard; those that there are not count 0."""

NEAR_DAYS = 7.0
"""What is so many days away counts half."""

UNDATED_DAYS = 14.0
"""How far things are apart of which one has no time."""

_SECONDS_PER_DAY = 86_400.0
_HALVES = 0.5 ** np.arange(1, HEARD + 1)


def heading_means(
    headings: Sequence[Hashable | None],
    scores: NDArray[np.float64],
    moments: Sequence[datetime | None],
) -> NDArray[np.float64]:
    """For each thing half of the best other score under its heading, a quarter of the next, …

    Each is first divided by 1 + its distance over ``NEAR_DAYS``, which decides which is best, too.
    Scores are 0 or more. What has no heading (``None``) stands alone. Costs the square of the
    number that share a heading with others.
    """
    shared = Counter(filter(None, headings))
    means = np.zeros(len(scores))
    if len(shared) == shared.total():
        return means
    places = [place for place, one in enumerate(headings) if one and shared[one] > 1]
    nearness = _nearness([headings[place] for place in places], [moments[at] for at in places])
    heard = nearness * scores[places]
    best = -np.sort(-heard, axis=1)[:, :HEARD]
    means[places] = best @ _HALVES[: best.shape[1]]
    return means


def _nearness(
    headings: Sequence[Hashable | None], moments: Sequence[datetime | None]
) -> NDArray[np.float64]:
    """Of each to each: 1 at the same time, 0 to itself and to what has another heading."""
    days = np.array(
        [moment.timestamp() / _SECONDS_PER_DAY if moment else np.nan for moment in moments]
    )
    apart = np.abs(days[:, None] - days)
    apart[np.isnan(apart)] = UNDATED_DAYS
    numbers: dict[Hashable | None, int] = {}
    codes = np.array([numbers.setdefault(heading, len(numbers)) for heading in headings])
    nearness: NDArray[np.float64] = (codes[:, None] == codes) / (1.0 + apart / NEAR_DAYS)
    np.fill_diagonal(nearness, 0.0)
    return nearness
