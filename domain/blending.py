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
- ``headings``: so does a part to the mean score of the best others under the same heading of its
  source (``domain.headings``),
- ``calibration``: each leg's best of every source is brought nearer to the leg's best, and all of
  that source with it: a source of short texts may never come near one of long texts by itself,
- ``recency``: a share of the score that halves with every half-life of its source,
- ``diversity``: a share of the score is lost by each record that comes after others of its source,
- ``identifier``: what that leg finds gains more than anything else has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import fsum
from operator import attrgetter
from typing import Generic, NamedTuple, assert_never, overload

from domain.blend_options import (
    CALIBRATION,
    DIVERSITY,
    HEADINGS,
    IDENTIFIER,
    NEIGHBOURS,
    RECENCY,
    BlendOptions,
    FusionMethod,
    Leg,
)
from domain.headings import heading_means
from domain.models.chunks import Embedding
from domain.models.ids import RecordId
from domain.models.search import Contribution, Hit, Match, Rankable, Ranked
from domain.neighbours import POOL, as_matrix, neighbour_means

SECONDS_PER_DAY = 86_400.0


def blend(
    rankings: Mapping[Leg, Sequence[Ranked]],
    options: BlendOptions | None = None,
    *,
    limit: int | None = None,
    now: datetime | None = None,
) -> list[Hit[Ranked]]:
    """At most ``limit`` hits of ``ranked``."""
    return ranked(rankings, options, now=now)[:limit]


def ranked(
    rankings: Mapping[Leg, Sequence[Ranked]],
    options: BlendOptions | None = None,
    *,
    now: datetime | None = None,
) -> Hits[Ranked]:
    """Fuse the legs' rankings (each best first) into one, best first, a hit per record.

    A hit shows the record's chunk that added most. Equal scores are ordered by best rank, then by
    record id, so that the order never depends on the order of the legs. Without ``now`` recency
    has no say.
    """
    options = options or BlendOptions()
    legs = {leg: ranking for leg, ranking in rankings.items() if leg != IDENTIFIER}
    found = _fused(legs, options)
    if len(legs) > 1:
        _hear_others(found, options)
    if options.calibration:
        _calibrate_sources(found, options.calibration)
    if options.recency and now is not None:
        _favour_recent(found, options, now)
    if options.diversity:
        _mix_sources(found, options.diversity)
    _lift_identified(found, rankings.get(IDENTIFIER, ()), options)
    return Hits(sorted(found.values(), key=_order))


def with_all_compared(
    ranking: Sequence[Match], others: Iterable[Match], embedding: Embedding
) -> list[Match]:
    """The vector leg's ranking with what other legs found and it did not, scored alike.

    That a record is not among the nearest says only that it is farther than the last of them.
    """
    known = {match.record_id.int for match in ranking}
    missing = [match for match in others if match.record_id.int not in known]
    vectors = [match.vector for match in missing if match.vector is not None]
    if len(vectors) < len(missing) or not vectors:
        return list(ranking)
    likeness = as_matrix(vectors) @ embedding
    compared = [
        match._replace(score=score, is_new=False)
        for match, score in zip(missing, likeness.tolist(), strict=True)
    ]
    return sorted([*ranking, *compared], key=attrgetter("order"))


class _Part(NamedTuple, Generic[Ranked]):
    """What a leg says of a record."""

    leg: Leg
    rank: int
    weight: float
    strength: float
    candidate: Ranked


class _Move(NamedTuple):
    """What else moves a record."""

    name: str
    rank: int | None
    raw_score: float
    weight: float


class _Found(Generic[Ranked]):
    """A record: its legs' parts and what moves it, with the addend of each; ``score`` is their sum.

    ``kept`` is the share of the parts' weights that is left. Made for each of some hundred
    candidates, of which few are shown, so contributions are made for those alone.
    """

    __slots__ = ("addends", "best_rank", "kept", "moves", "parts", "score", "shown", "shown_addend")

    def __init__(self, candidate: Ranked, rank: int, part: _Part[Ranked] | None = None) -> None:
        self.shown = candidate
        self.best_rank = rank
        self.parts = [part] if part else []
        self.addends = [part.weight * part.strength] if part else []
        self.shown_addend = self.score = self.addends[0] if part else 0.0
        self.moves: list[_Move] = []
        self.kept = 1.0

    def add(self, part: _Part[Ranked]) -> None:
        addend = part.weight * part.strength
        self.parts.append(part)
        self._append(addend)
        self.best_rank = min(self.best_rank, part.rank)
        if addend > self.shown_addend:
            self.shown, self.shown_addend = part.candidate, addend

    def keep(self, share: float) -> None:
        """Before anything moves it."""
        self.kept = share
        self.addends = [addend * share for addend in self.addends]
        self.score = sum(self.addends)

    def move(
        self,
        name: str,
        raw_score: float,
        weight: float,
        addend: float,
        rank: int | None = None,
    ) -> None:
        self.moves.append(_Move(name, rank, raw_score, weight))
        self._append(addend)

    def hit(self) -> Hit[Ranked]:
        said = [
            *(
                (each.leg, each.rank, each.candidate.score, each.weight * self.kept)
                for each in self.parts
            ),
            *self.moves,
        ]
        contributions = (
            Contribution(*each, addend) for each, addend in zip(said, self.addends, strict=True)
        )
        return Hit(self.shown, self.score, tuple(contributions))

    def _append(self, addend: float) -> None:
        self.addends.append(addend)
        # Anew, so that whoever sums the contributions up gets the score to the last bit.
        self.score = sum(self.addends)


class Hits(Sequence[Hit[Ranked]]):
    """Hits that are made when somebody looks at them: of a ranking few are shown."""

    def __init__(self, found: Sequence[_Found[Ranked]]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> Hit[Ranked]: ...
    @overload
    def __getitem__(self, place: slice) -> list[Hit[Ranked]]: ...
    def __getitem__(self, place: int | slice) -> Hit[Ranked] | list[Hit[Ranked]]:
        if isinstance(place, slice):
            return [one.hit() for one in self._found[place]]
        return self._found[place].hit()


_Records = dict[int, _Found[Ranked]]
"""By the number that a record's id is: an UUID is hashed and compared in Python."""


def _fused(legs: Mapping[Leg, Sequence[Ranked]], options: BlendOptions) -> _Records[Ranked]:
    shares = _leg_shares(legs, options)
    found: _Records[Ranked] = {}
    for leg in sorted(legs):
        ranking = _best_chunk_per_record(legs[leg])
        strengths = _strengths([candidate.score for candidate in ranking], options)
        pairs = zip(ranking, strengths, strict=True)
        for rank, (candidate, strength) in enumerate(pairs, start=1):
            weight = shares[leg] * options.source_weights.get(candidate.source_type, 1.0)
            part = _Part(leg, rank, weight, strength, candidate)
            one = found.get(candidate.record_id.int)
            if one is None:
                found[candidate.record_id.int] = _Found(candidate, rank, part)
            else:
                one.add(part)
    return found


def _leg_shares(legs: Iterable[Leg], options: BlendOptions) -> dict[Leg, float]:
    weights = {leg: options.leg_weights.get(leg, 1.0) for leg in legs}
    # Plain addition would depend on the order of the legs.
    total = fsum(weights.values())
    return {leg: weight / total if total else 0.0 for leg, weight in weights.items()}


def _best_chunk_per_record(ranking: Sequence[Ranked]) -> list[Ranked]:
    best: dict[int, Ranked] = {}
    for candidate in ranking:
        best.setdefault(candidate.record_id.int, candidate)
    return list(best.values())


def _strengths(scores: Sequence[float], options: BlendOptions) -> list[float]:
    """Of scores, best first: 0 to 1, and 1 for the first (unless nothing about it is positive)."""
    match options.method:
        case FusionMethod.RELATIVE_SCORE:
            best = scores[0] if scores else 0.0
            # A cosine may be negative: as far from the query as nothing found at all.
            return [max(score, 0.0) / best if best > 0 else 0.0 for score in scores]
        case FusionMethod.RECIPROCAL_RANK:
            k = options.rank_constant
            return [(k + 1) / (k + rank) for rank in range(1, len(scores) + 1)]
        case unknown:
            assert_never(unknown)


def _hear_others(found: _Records[Ranked], options: BlendOptions) -> None:
    """The best hear each other; what is below them hears nobody, and stays below."""
    if not options.neighbours and not options.headings:
        return
    ranked = sorted(found.values(), key=_order)
    best = ranked[:POOL]
    near = _of_neighbours(best, options.neighbours)
    beside = _of_headings(best, options.headings)
    to_headings = options.headings if any(beside) else 0.0
    left = 1.0 - to_headings
    to_neighbours = left * options.neighbours if any(each is not None for each in near) else 0.0
    for one, neighbours, others in zip(best, near, beside, strict=True):
        one.keep(left - (to_neighbours if neighbours is not None else 0.0))
        if neighbours is not None and to_neighbours:
            one.move(NEIGHBOURS, neighbours, to_neighbours, to_neighbours * neighbours)
        if others:
            one.move(HEADINGS, others, to_headings, to_headings * others)
    for one in ranked[POOL:]:
        one.keep(left - to_neighbours)


def _of_neighbours(best: Sequence[_Found[Ranked]], share: float) -> Sequence[float | None]:
    if not share:
        return [None] * len(best)
    return neighbour_means([one.shown.vector for one in best], [one.score for one in best])


def _of_headings(best: Sequence[_Found[Ranked]], share: float) -> Sequence[float]:
    if not share:
        return [0.0] * len(best)
    headings = [_heading(one.shown) for one in best]
    return heading_means(headings, [one.score for one in best])


def _heading(candidate: Rankable) -> tuple[str, str] | None:
    heading = candidate.heading
    return (candidate.source_type, heading) if heading else None


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
    strengths = _strengths([candidate.score for candidate in best], options)
    for rank, (candidate, strength) in enumerate(zip(best, strengths, strict=True), start=1):
        one = found.setdefault(candidate.record_id.int, _Found(candidate, rank))
        one.best_rank = min(one.best_rank, rank)
        one.move(IDENTIFIER, candidate.score, 1.0, ceiling + 1.0 + strength, rank)


def _order(one: _Found[Ranked]) -> tuple[float, int, RecordId]:
    return -one.score, one.best_rank, one.shown.record_id
