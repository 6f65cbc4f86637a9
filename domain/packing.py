"""Packing whole units (a speaker's turns, messages) into chunks, by their costs alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def pack(costs: Sequence[float], room: float, overlap: float) -> Iterator[tuple[int, int]]:
    """Ranges ``first``–``past`` of neighbouring units, each as long as ``room`` allows.

    A unit that costs more than ``room`` stands alone. A range begins with the last units of the
    one before as far as these cost ``overlap`` at most, and leave room for a new one.
    """
    first = 0
    while first < len(costs):
        past, cost = first + 1, costs[first]
        while past < len(costs) and cost + costs[past] <= room:
            cost += costs[past]
            past += 1
        yield first, past
        if past == len(costs):
            return
        first = _first_repeated(costs, first, past, min(overlap, room - costs[past]))


def _first_repeated(costs: Sequence[float], first: int, past: int, overlap: float) -> int:
    """The unit that the next range begins with, after ``first`` and at most ``past``."""
    begin = past
    while begin - 1 > first and costs[begin - 1] <= overlap:
        begin -= 1
        overlap -= costs[begin]
    return begin
