"""How to blend, and the names of what moves a hit beside its legs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from domain.errors import InvalidQueryError

Leg = str

IDENTIFIER: Leg = "identifier"
"""The leg of exact identifiers: what it finds stands before everything else."""

NEIGHBOURS = "neighbours"
HEADINGS = "headings"
CALIBRATION = "calibration"
RECENCY = "recency"
DIVERSITY = "diversity"


class FusionMethod(StrEnum):
    RELATIVE_SCORE = "relative_score"
    RECIPROCAL_RANK = "reciprocal_rank"


class Collapse(StrEnum):
    """Which hits are folded into the best of them."""

    NONE = "none"
    DUPLICATES = "duplicates"
    """Those of the same text, or nearly so."""
    THREADS = "threads"
    """Duplicates, and those of the same thread."""


@dataclass(frozen=True, slots=True)
class BlendOptions:
    """How to blend. A leg or source that is not named weighs 1; weights are not negative.

    ``rank_constant`` is the k of reciprocal rank fusion: the greater, the less first places count.
    ``neighbours`` is the share of a score that its nearest neighbours have, 0 to 1.
    ``headings`` is the share of a score that the best others under the same heading have, 0 to 1;
    of what is left, the nearest neighbours have theirs.
    ``calibration`` is the share that is made up, 0 to 1, of how far the best of a record's source
    stays behind the best of all in each leg.
    ``recency`` is how much of its score a hit of this moment gains, half of it after
    ``half_life_days``, which a source may have its own of; 0 leaves time out of account.
    ``diversity`` is the share of its score that a hit loses at most by coming after others of its
    source, 0 to 1.

    Raises:
        InvalidQueryError: a value is not finite or out of its range.
    """

    method: FusionMethod = FusionMethod.RELATIVE_SCORE
    leg_weights: Mapping[Leg, float] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    rank_constant: int = 60
    neighbours: float = 0.3
    headings: float = 0.3
    calibration: float = 0.0
    recency: float = 0.0
    half_life_days: float = 30.0
    source_half_life_days: Mapping[str, float] = field(default_factory=dict)
    diversity: float = 0.0
    collapse: Collapse = Collapse.DUPLICATES

    def __post_init__(self) -> None:
        for name, weight in (*self._weights(), ("recency", self.recency)):
            if not 0 <= weight < inf:
                raise InvalidQueryError(f"the weight of {name!r} must be 0 or more, not {weight}")
        for name, share in self._shares():
            if not 0 <= share <= 1:
                raise InvalidQueryError(f"{name} must be 0 to 1, not {share}")
        for days in (self.half_life_days, *self.source_half_life_days.values()):
            if not 0 < days < inf:
                raise InvalidQueryError(f"a half-life must be more than 0 days, not {days}")
        if self.rank_constant < 1:
            raise InvalidQueryError("the rank constant must be 1 or more")

    def half_life_of(self, source_type: str) -> float:
        return self.source_half_life_days.get(source_type, self.half_life_days)

    def _weights(self) -> Iterator[tuple[str, float]]:
        yield from self.leg_weights.items()
        yield from self.source_weights.items()

    def _shares(self) -> Iterator[tuple[str, float]]:
        yield "neighbours", self.neighbours
        yield "headings", self.headings
        yield "calibration", self.calibration
        yield "diversity", self.diversity
