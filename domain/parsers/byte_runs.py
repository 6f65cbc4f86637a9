"""Runs of one byte or character, such as backslashes before a quote."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def after_odd_runs(escapes: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """The positions that an escape takes their meaning: those after a run of odd length.

    ``escapes`` are the positions of all escapes, in order; ``size`` is how long the whole is.
    """
    is_first = np.diff(escapes, prepend=-2) != 1
    is_last = np.append(is_first[1:], True)
    lengths = escapes[is_last] - escapes[is_first] + 1
    after: NDArray[np.intp] = escapes[is_last][lengths % 2 == 1] + 1
    return after[after < size]
