"""What is said of a thing by the things that are most like it.

Texts that mean much the same tend to answer the same questions: where a text's nearest neighbours
score high, its own score is more likely to be too low than right (score regularisation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.models.chunks import Vector

POOL = 100
"""Among how many of the best the neighbours are looked for. All against all costs the square."""

NEAREST = 8


def neighbour_means(
    vectors: Sequence[Vector | None], scores: Sequence[float]
) -> list[float | None]:
    """The mean score of each thing's nearest neighbours, weighted by cosine similarity.

    The neighbours are the ``NEAREST`` others of the ``POOL`` best by score. A thing without a
    vector, or without a neighbour of positive similarity, has none.
    """
    known = {place: vector for place, vector in enumerate(vectors) if vector is not None}
    means: list[float | None] = [None] * len(vectors)
    if len(known) < 2:
        return means
    # One conversion of all, as numpy works on 16 bits a number at a tenth of the speed.
    rows = np.concatenate(list(known.values()))
    matrix = rows.astype(np.float32).reshape(len(known), -1)
    own = np.array([scores[place] for place in known])
    pool = np.argsort(-own, kind="stable")[:POOL]
    likeness = matrix @ matrix[pool].T
    likeness[pool, np.arange(len(pool))] = 0.0
    np.maximum(likeness, 0.0, out=likeness)
    if len(pool) > NEAREST:
        least = np.partition(likeness, -NEAREST, axis=1)[:, -NEAREST]
        likeness[likeness < least[:, None]] = 0.0
    total = likeness.sum(axis=1)
    sums = likeness @ own[pool]
    for place, weight, weighted in zip(known, total.tolist(), sums.tolist(), strict=True):
        if weight > 0:
            means[place] = weighted / weight
    return means
