"""Blending: rankings of several legs become one, every score explained as a sum.

A leg's ranking is first reduced to the best chunk of each record, so that a record counts once
however many of its chunks were found. Fusion then gives each record an addend per leg:

- relative score: the leg's score as a share of its best score,
- reciprocal rank: ``(k + 1) / (k + rank)``, ranks from 1,

times the leg's share of all leg weights, times the weight of the record's source. So a record
that every leg puts first scores 1 (times its source's weight), whatever the method.

What else may move a record is an addend, too, under a name of its own:

- ``neighbours``: a part of the score gives way to the same part of the mean score of what is most
  like it (``domain.neighbours``), unless there is one leg alone,
- ``calibration``: each leg's best of every source is brought nearer to the leg's best, and all of
  that source with it: a source of short texts may never come near one of long texts by itself,
- ``recency``: a share of the score that halves with every half-life of its source,
- ``diversity``: a share of the score is lost by each record that comes after others of its source,
- ``identifier``: what that leg finds gains more than anything else has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import fsum
from typing import Generic, NamedTuple, assert_never

from domain.blend_options import (
    CALIBRATION,
    DIVERSITY,
    IDENTIFIER,
    NEIGHBOURS,
    RECENCY,
    BlendOptions,
    FusionMethod,
    Leg,
)
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.search import Contribution, Hit, Match, Ranked
from domain.neighbours import neighbour_means

SECONDS_PER_DAY = 86_400.0


def blend(
    rankings: Mapping[Leg, Sequence[Ranked]],
    options: BlendOptions | None = None,
    *,
    limit: int | None = None,
    now: datetime | None = None,
) -> list[Hit[Ranked]]:
    """Fuse the legs' rankings (each best first) into one, best first, a hit per record.

    At most ``limit`` hits. A hit shows the record's chunk that added most. Equal scores are
    ordered by best rank, then by record id, so that the order never depends on the order of the
    legs. Without ``now`` recency has no say.
    """
    options = options or BlendOptions()
    legs = {leg: ranking for leg, ranking in rankings.items() if leg != IDENTIFIER}
    found = _fused(legs, options)
    if options.neighbours and len(legs) > 1:
        _hear_neighbours(found, options.neighbours)
    if options.calibration:
        _calibrate_sources(found, options.calibration)
    if options.recency and now is not None:
        _favour_recent(found, options, now)
    if options.diversity:
        _mix_sources(found, options.diversity)
    _lift_identified(found, rankings.get(IDENTIFIER, ()), options)
    return [one.hit() for one in sorted(found.values(), key=_order)[:limit]]


def with_all_compared(
    ranking: Sequence[Match], others: Iterable[Match], embedding: Embedding
) -> list[Match]:
    """The vector leg's ranking with what other legs found and it did not, scored alike.

    That a record is not among the nearest says only that it is farther than the last of them.
    """
    known = {match.record_id for match in ranking}
    missing = [match for match in others if match.record_id not in known]
    compared = [
        match._replace(score=float(match.vector @ embedding))
        for match in missing
        if match.vector is not None
    ]
    return sorted([*ranking, *compared], key=lambda match: -match.score)


class _Part(NamedTuple, Generic[Ranked]):
    """What a leg adds to a record; of most records nobody asks for more than the sum."""

    addend: float
    rank: int
    leg: Leg
    weight: float
    strength: float
    candidate: Ranked


@dataclass(slots=True)
class _Found(Generic[Ranked]):
    """A record with its legs' parts, of whose addends ``kept`` counts, and what else moves it.

    ``first`` is what was found of it first, at ``best_rank`` or below.
    """

    first: Ranked
    best_rank: int
    parts: list[_Part[Ranked]] = field(default_factory=list)
    kept: float = 1.0
    moved_by: list[Contribution] = field(default_factory=list)
    score: float = 0.0

    @property
    def shown(self) -> Ranked:
        if not self.parts:
            return self.first
        return max(self.parts, key=lambda part: part.addend).candidate

    def add(self, part: _Part[Ranked]) -> None:
        self.parts.append(part)
        self.best_rank = min(self.best_rank, part.rank)

    def move(self, name: str, raw_score: float, weight: float, addend: float) -> None:
        self.moved_by.append(Contribution(name, None, raw_score, weight, addend))
        self.sum_up()

    def sum_up(self) -> None:
        """In the order of the contributions, so that their sum is the score to the last bit."""
        self.score = sum(part.addend * self.kept for part in self.parts)
        for moved in self.moved_by:
            self.score += moved.addend

    def hit(self) -> Hit[Ranked]:
        legs = (
            Contribution(
                part.leg,
                part.rank,
                part.candidate.score,
                part.weight * self.kept,
                part.addend * self.kept,
            )
            for part in self.parts
        )
        return Hit(self.shown, self.score, (*legs, *self.moved_by))


_Records = dict[RecordId, _Found[Ranked]]


def _fused(legs: Mapping[Leg, Sequence[Ranked]], options: BlendOptions) -> _Records[Ranked]:
    shares = _leg_shares(legs, options)
    found: _Records[Ranked] = {}
    for leg in sorted(legs):
        ranking = _best_chunk_per_record(legs[leg])
        for rank, candidate in enumerate(ranking, start=1):
            weight = shares[leg] * options.source_weights.get(candidate.source_type, 1.0)
            strength = _strength(candidate.score, rank, ranking[0].score, options)
            one = found.get(candidate.record_id)
            if one is None:
                one = found[candidate.record_id] = _Found(candidate, rank)
            one.add(_Part(weight * strength, rank, leg, weight, strength, candidate))
    for one in found.values():
        one.sum_up()
    return found


def _leg_shares(legs: Iterable[Leg], options: BlendOptions) -> dict[Leg, float]:
    weights = {leg: options.leg_weights.get(leg, 1.0) for leg in legs}
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


def _hear_neighbours(found: _Records[Ranked], share: float) -> None:
    records = list(found.values())
    means = neighbour_means([one.shown.vector for one in records], [one.score for one in records])
    for one, mean in zip(records, means, strict=True):
        if mean is not None:
            one.kept = 1.0 - share
            one.move(NEIGHBOURS, mean, share, share * mean)


def _calibrate_sources(found: _Records[Ranked], share: float) -> None:
    best: dict[tuple[Leg, str], float] = {}
    for one in found.values():
        for part in one.parts:
            key = part.leg, part.candidate.source_type
            best[key] = max(best.get(key, 0.0), part.strength)
    for one in found.values():
        behind = fsum(
            part.weight * (1.0 - best[part.leg, part.candidate.source_type]) for part in one.parts
        )
        one.move(CALIBRATION, behind, share, share * behind)


def _favour_recent(found: _Records[Ranked], options: BlendOptions, now: datetime) -> None:
    """What has no time gains nothing; what is dated ahead counts as of now."""
    for one in found.values():
        moment = one.shown.timestamp
        if moment is None:
            continue
        days = max(0.0, (now - moment).total_seconds() / SECONDS_PER_DAY)
        freshness = 0.5 ** (days / options.half_life_of(one.shown.source_type))
        weight = options.recency * one.score
        one.move(RECENCY, freshness, weight, weight * freshness)


def _mix_sources(found: _Records[Ranked], share: float) -> None:
    """The n-th record of a source loses (n - 1)/n of ``share``: order within a source stays."""
    seen: dict[str, int] = {}
    for one in sorted(found.values(), key=_order):
        source = one.shown.source_type
        before = seen.get(source, 0)
        seen[source] = before + 1
        if before:
            crowding = before / (before + 1)
            one.move(DIVERSITY, crowding, -share * one.score, -share * one.score * crowding)


def _lift_identified(
    found: _Records[Ranked], ranking: Sequence[Ranked], options: BlendOptions
) -> None:
    """Whatever the others' scores, and by the leg's own strengths among themselves."""
    if not options.leg_weights.get(IDENTIFIER, 1.0):
        return
    ceiling = max((one.score for one in found.values()), default=0.0)
    best = _best_chunk_per_record(ranking)
    for rank, candidate in enumerate(best, start=1):
        one = found.setdefault(candidate.record_id, _Found(candidate, rank))
        one.best_rank = min(one.best_rank, rank)
        addend = ceiling + 1.0 + _strength(candidate.score, rank, best[0].score, options)
        one.moved_by.append(Contribution(IDENTIFIER, rank, candidate.score, 1.0, addend))
        one.sum_up()


def _order(one: _Found[Ranked]) -> tuple[float, int, RecordId]:
    return -one.score, one.best_rank, one.first.record_id
