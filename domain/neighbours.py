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


def circle_size(scores: NDArray[np.float64]) -> int:
    """How many of these scores, best first and 0 or more, hear each other.

    Where scores fall steeply the question has few answers, and what is far below them would only
    draw them down; where they stay level there are many, and each may tell something of the others.
    """
    enough = int(np.count_nonzero(scores[:MOST_HEARD] >= HEARD_FROM * scores[:1]))
    return min(len(scores), max(enough, LEAST_HEARD))


def neighbour_means(
    vectors: Sequence[Vector | None], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean score of each thing's ``NEAREST`` neighbours, weighted by cosine similarity.

    A thing without a vector, or without a neighbour of positive similarity, has none: NaN. Costs
    the square of their number.
    """
    known = [place for place, vector in enumerate(vectors) if vector is not None]
    means = np.full(len(vectors), np.nan)
    if len(known) < 2:
        return means
    matrix = as_matrix([vector for vector in vectors if vector is not None])
    likeness = matrix @ matrix.T
    np.fill_diagonal(likeness, 0.0)
    np.maximum(likeness, 0.0, out=likeness)
    if len(known) > NEAREST:
        least = np.partition(likeness, -NEAREST, axis=1)[:, -NEAREST]
        likeness *= likeness >= least[:, None]
    sums = likeness @ scores[known].astype(np.float32)
    totals = likeness.sum(axis=1)
    means[known] = np.divide(sums, totals, out=np.full(len(known), np.nan), where=totals > 0)
    return means


def as_matrix(vectors: Sequence[Vector]) -> NDArray[np.float32]:
    """Of shape ``(vectors, dimension)``; there must be one at least."""
    # Converted all at once: numpy works on 16 bits a number at a tenth of the speed.
    flat = np.concatenate(vectors)
    return flat.astype(np.float32, copy=False).reshape(len(vectors), -1)
