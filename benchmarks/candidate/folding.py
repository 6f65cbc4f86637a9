"""Which graph fresh vectors go into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MIN_ROWS = 1_024
"""Fewer fresh vectors are compared one by one as fast as through a graph."""

MAX_SEGMENT_ROWS = 128 * 1_024
"""Extending a graph takes its size in memory, and writes it again: 120 MB at 384 numbers each."""

MAX_DEAD_SHARE = 0.25


class Fold(NamedTuple):
    """Keep the first ``kept`` graphs and put everything later into new ones.

    The first of these begins with what the graph at ``kept`` has, if that is extended.
    """

    kept: int
    extends: bool


def plan(segment_rows: Sequence[int], fresh_rows: int, living_rows: int) -> Fold | None:
    """What to fold, if anything.

    Args:
        segment_rows: Vectors in each graph, oldest first, the dead ones included.
        fresh_rows: Vectors in none.
        living_rows: Chunks that the index holds.

    A vector goes into a graph once. All graphs are built anew when too much in them is dead.
    """
    all_rows = sum(segment_rows) + fresh_rows
    if all_rows - living_rows > max(MIN_ROWS, MAX_DEAD_SHARE * all_rows):
        return Fold(0, extends=False)
    if fresh_rows < MIN_ROWS:
        return None
    last = len(segment_rows) - 1
    if segment_rows and segment_rows[last] + fresh_rows <= MAX_SEGMENT_ROWS:
        return Fold(last, extends=True)
    return Fold(len(segment_rows), extends=False)
