"""What is said of a thing by the things that are most like it.

Texts that mean much the same tend to answer the same questions: where a text's nearest neighbours
score high, its own score is more likely to be too low than right (score regularisation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.models.chunks import Vector

LEAST_HEARD, MOST_HEARD = 20, 100

HEARD_FROM = 0.5
"""The share of the best score from which on a thing hears others, and is heard."""

NEAREST = 5


def circle_size(scores: Sequence[float]) -> int:
    """How many of these scores, best first and 0 or more, hear each other.

    Where scores fall steeply the question has few answers, and what is far below them would only
    draw them down; where they stay level there are many, and each may tell something of the others.
    """
    enough = sum(score >= HEARD_FROM * scores[0] for score in scores[:MOST_HEARD])
    return min(len(scores), max(enough, LEAST_HEARD))


def neighbour_means(
    vectors: Sequence[Vector | None], scores: Sequence[float]
) -> list[float | None]:
    """The mean score of each thing's ``NEAREST`` neighbours, weighted by cosine similarity.

    A thing without a vector, or without a neighbour of positive similarity, has none. Costs the
    square of their number.
    """
    known = {place: vector for place, vector in enumerate(vectors) if vector is not None}
    means: list[float | None] = [None] * len(vectors)
    if len(known) < 2:
        return means
    matrix = as_matrix(list(known.values()))
    likeness = matrix @ matrix.T
    np.fill_diagonal(likeness, 0.0)
    np.maximum(likeness, 0.0, out=likeness)
    if len(known) > NEAREST:
        least = np.partition(likeness, -NEAREST, axis=1)[:, -NEAREST]
        likeness *= likeness >= least[:, None]
    sums = likeness @ np.array([scores[place] for place in known], np.float32)
    totals = likeness.sum(axis=1)
    for place, weight, weighted in zip(known, totals.tolist(), sums.tolist(), strict=True):
        if weight > 0:
            means[place] = weighted / weight
    return means


def as_matrix(vectors: Sequence[Vector]) -> NDArray[np.float32]:
    """Of shape ``(vectors, dimension)``; there must be one at least."""
    # Converted all at once: numpy works on 16 bits a number at a tenth of the speed.
    flat = np.concatenate(vectors)
    return flat.astype(np.float32, copy=False).reshape(len(vectors), -1)
