"""Whether something that is sampled for long stays level: its second quarter against its last.

The first quarter is left out, in which caches and pools fill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Timed = Sequence[tuple[float, float]]
"""Values with the seconds after the start at which they were seen."""


@dataclass(frozen=True, slots=True)
class Quarters:
    """What was seen in the second and in the last quarter, each reduced to one number."""

    second: float
    last: float


def quarters(values: Timed, seconds: float, reduce: Callable[[Sequence[float]], float]) -> Quarters:
    """Reduce what was seen in the second and in the last quarter of ``seconds``.

    Raises:
        ValueError: nothing was seen in one of them.
    """
    quarter = seconds / 4
    second = [value for at, value in values if quarter <= at < 2 * quarter]
    last = [value for at, value in values if 3 * quarter <= at]
    if not second or not last:
        raise ValueError(f"nothing was seen in a quarter of {seconds:g} s")
    return Quarters(reduce(second), reduce(last))


def windows(values: Timed, width: float) -> dict[float, list[float]]:
    """The values by the beginning of the window of ``width`` seconds that they were seen in."""
    found: dict[float, list[float]] = {}
    for at, value in values:
        found.setdefault(at // width * width, []).append(value)
    return dict(sorted(found.items()))
