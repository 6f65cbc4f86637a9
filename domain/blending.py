"""Blending: rankings of several legs become one, every score explained as a sum.

A leg's ranking is first reduced to the best chunk of each record, so that a record counts once
however many of its chunks were found. Fusion then gives each record an addend per leg:

- relative score: the leg's score as a share of its best score,
- reciprocal rank: ``(k + 1) / (k + rank)``, ranks from 1,

times the leg's share of all leg weights, times the weight of the record's source. So a record
that every leg puts first scores 1 (times its source's weight), whatever the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import fsum, inf
from typing import Generic, NamedTuple, assert_never

from domain.errors import InvalidQueryError
from domain.models.ids import RecordId
from domain.models.search import Contribution, Hit, Ranked

Leg = str

IDENTIFIER: Leg = "identifier"
"""The leg whose hits have exactly what was asked for: they come before all others, in its order."""


class FusionMethod(StrEnum):
    RELATIVE_SCORE = "relative_score"
    RECIPROCAL_RANK = "reciprocal_rank"


@dataclass(frozen=True, slots=True)
class BlendOptions:
    """How to blend. A leg or source that is not named weighs 1; weights are not negative.

    ``rank_constant`` is the k of reciprocal rank fusion: the greater, the less first places count.

    Raises:
        InvalidQueryError: a weight is negative or not finite, or the constant not positive.
    """

    method: FusionMethod = FusionMethod.RELATIVE_SCORE
    leg_weights: Mapping[Leg, float] = field(default_factory=dict)
    source_weights: Mapping[str, float] = field(default_factory=dict)
    rank_constant: int = 60

    def __post_init__(self) -> None:
        for name, weight in {**self.leg_weights, **self.source_weights}.items():
            if not 0 <= weight < float("inf"):
                raise InvalidQueryError(f"the weight of {name!r} must be 0 or more, not {weight}")
        if self.rank_constant < 1:
            raise InvalidQueryError("the rank constant must be 1 or more")


def blend(
    rankings: Mapping[Leg, Sequence[Ranked]],
    options: BlendOptions | None = None,
    *,
    limit: int | None = None,
) -> list[Hit[Ranked]]:
    """Fuse the legs' rankings (each best first) into one, best first, a hit per record.

    At most ``limit`` hits. A hit shows the record's chunk that added most. Equal scores are
    ordered by best rank, then by record id, so that the order never depends on the order of the
    legs.
    """
    options = options or BlendOptions()
    shares = _leg_shares(rankings, options)
    found: dict[RecordId, list[_Part[Ranked]]] = {}
    for leg in sorted(rankings):
        ranking = _best_chunk_per_record(rankings[leg])
        for rank, candidate in enumerate(ranking, start=1):
            weight = shares[leg] * options.source_weights.get(candidate.source_type, 1.0)
            addend = weight * _strength(candidate.score, rank, ranking[0].score, options)
            part = _Part(addend, rank, leg, weight, candidate)
            found.setdefault(candidate.record_id, []).append(part)
    return [_hit(parts) for parts in sorted(found.values(), key=_order)[:limit]]


class _Part(NamedTuple, Generic[Ranked]):
    """What a leg adds to a record; of most records nobody asks for more than the sum."""

    addend: float
    rank: int
    leg: Leg
    weight: float
    candidate: Ranked


def _leg_shares(
    rankings: Mapping[Leg, Sequence[Ranked]], options: BlendOptions
) -> dict[Leg, float]:
    weights = {leg: options.leg_weights.get(leg, 1.0) for leg in rankings}
    # Plain addition would depend on the order of the legs.
    total = fsum(weights.values())
    return {leg: weight / total if total else 0.0 for leg, weight in weights.items()}


def _best_chunk_per_record(ranking: Sequence[Ranked]) -> list[Ranked]:
    best: dict[RecordId, Ranked] = {}
    for candidate in ranking:
        best.setdefault(candidate.record_id, candidate)
    return list(best.values())


def _strength(score: float, rank: int, best: float, options: BlendOptions) -> float:
    """Between 0 and 1, and 1 for the leg's first (unless nothing about it is positive)."""
    match options.method:
        case FusionMethod.RELATIVE_SCORE:
            # A cosine may be negative: as far from the query as nothing found at all.
            return max(score, 0.0) / best if best > 0 else 0.0
        case FusionMethod.RECIPROCAL_RANK:
            return (options.rank_constant + 1) / (options.rank_constant + rank)
        case unknown:
            assert_never(unknown)


def _order(parts: Sequence[_Part[Ranked]]) -> tuple[float, float, int, RecordId]:
    best_rank = min(part.rank for part in parts)
    exact_rank = next((part.rank for part in parts if part.leg == IDENTIFIER), inf)
    score = sum(part.addend for part in parts)
    return exact_rank, -score, best_rank, parts[0].candidate.record_id


def _hit(parts: Sequence[_Part[Ranked]]) -> Hit[Ranked]:
    contributions = tuple(
        Contribution(part.leg, part.rank, part.candidate.score, part.weight, part.addend)
        for part in parts
    )
    shown = max(parts, key=lambda part: part.addend)
    return Hit(shown.candidate, sum(part.addend for part in parts), contributions)
