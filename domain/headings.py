"""What is said of a thing by the best others that stand under its heading.

A channel, a call, the versions of a document speak of one matter: where several of the best hits
stand under one heading, what else stands there is more likely to be meant than what stands alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import islice

HEARD = 3
"""How many others are heard; those that there are not count 0."""


def heading_means(headings: Sequence[Hashable | None], scores: Sequence[float]) -> list[float]:
    """For each thing the sum of the ``HEARD`` best other scores under its heading, over ``HEARD``.

    Scores are best first, and 0 or more. What has no heading (``None``) stands alone.
    """
    under: dict[Hashable, list[int]] = defaultdict(list)
    for place, heading in enumerate(headings):
        if heading is not None:
            under[heading].append(place)
    means = [0.0] * len(scores)
    for places in under.values():
        for place in places:
            others = (scores[other] for other in places[: HEARD + 1] if other != place)
            means[place] = sum(islice(others, HEARD)) / HEARD
    return means
