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
  source, by how near in time they are (``domain.headings``),
- ``calibration``: each leg's best of every source is brought nearer to the leg's best, and all of
  that source with it: a source of short texts may never come near one of long texts by itself,
- ``recency``: a share of the score that halves with every half-life of its source,
- ``diversity``: a share of the score is lost by each record that comes after others of its source,
- ``identifier``: what that leg finds gains more than anything else has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import fsum
from typing import assert_never, overload

import numpy as np

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
from domain.models.search import Hit, Match, Rankable, Ranked, best_first
from domain.neighbours import as_matrix, circle_size, neighbour_means
from domain.scoreboard import Numbers, Said, Scoreboard

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
    board = Scoreboard(_said(legs, options))
    if len(legs) > 1:
        _hear_others(board, options)
    if options.calibration:
        _calibrate_sources(board, options.calibration)
    if options.recency and now is not None:
        _favour_recent(board, options, now)
    if options.diversity:
        _mix_sources(board, options.diversity)
    if identified := rankings.get(IDENTIFIER, ()):
        _lift_identified(board, identified, options)
    return Hits(board)


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
    likeness = (as_matrix(vectors) @ embedding).tolist()
    compared = [match.scored(score) for match, score in zip(missing, likeness, strict=True)]
    return best_first([*ranking, *compared])


class Hits(Sequence[Hit[Ranked]]):
    """Hits, best first, that are made when somebody looks at them: of a ranking few are shown."""

    def __init__(self, board: Scoreboard[Ranked]) -> None:
        self._board = board
        self._order = board.order().tolist()

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Hit[Ranked]: ...
    @overload
    def __getitem__(self, place: slice) -> list[Hit[Ranked]]: ...
    def __getitem__(self, place: int | slice) -> Hit[Ranked] | list[Hit[Ranked]]:
        if isinstance(place, slice):
            return [self._board.hit(one) for one in self._order[place]]
        return self._board.hit(self._order[place])


def _said(legs: Mapping[Leg, Sequence[Ranked]], options: BlendOptions) -> Iterator[Said[Ranked]]:
    shares = _leg_shares(legs, options)
    by_source = options.source_weights
    for leg in sorted(legs):
        found = _best_chunk_per_record(legs[leg])
        weights = np.full(len(found), shares[leg])
        if by_source:
            weights *= [by_source.get(candidate.source_type, 1.0) for candidate in found]
        yield Said(leg, found, weights, _strengths(found, options))


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


def _strengths(found: Sequence[Ranked], options: BlendOptions) -> Numbers:
    """Of candidates, best first: 0 to 1, and 1 for the first (unless nothing of it is positive)."""
    match options.method:
        case FusionMethod.RELATIVE_SCORE:
            # A cosine may be negative: as far from the query as nothing found at all.
            scores = np.maximum([candidate.score for candidate in found], 0.0)
            return scores / scores[0] if len(scores) and scores[0] > 0 else np.zeros(len(found))
        case FusionMethod.RECIPROCAL_RANK:
            k = options.rank_constant
            return (k + 1) / (k + np.arange(1.0, len(found) + 1))
        case unknown:
            assert_never(unknown)


def _hear_others(board: Scoreboard[Ranked], options: BlendOptions) -> None:
    """The best hear each other; what is below them hears nobody, and stays below."""
    if not options.neighbours and not options.headings:
        return
    order = board.order()
    best = order[: circle_size(board.scores[order])]
    shown, scores = [board.shown[place] for place in best.tolist()], board.scores[best]
    near = np.full(len(board), np.nan)
    if options.neighbours:
        near[best] = neighbour_means([one.vector for one in shown], scores)
    beside = np.zeros(len(board))
    if options.headings:
        headings, moments = [_heading(one) for one in shown], [one.timestamp for one in shown]
        beside[best] = heading_means(headings, scores, moments)
    hears_headings, hears_neighbours = beside > 0, ~np.isnan(near)
    to_headings = options.headings if hears_headings.any() else 0.0
    left = 1.0 - to_headings
    to_neighbours = left * options.neighbours if hears_neighbours.any() else 0.0
    kept = np.full(len(board), left - to_neighbours)
    kept[best] = np.where(hears_neighbours[best], left - to_neighbours, left)
    board.keep(kept)
    for name, share, is_heard, means in (
        (NEIGHBOURS, to_neighbours, hears_neighbours, near),
        (HEADINGS, to_headings, hears_headings, beside),
    ):
        if share:
            weights = np.full(len(board), share)
            board.move(name, is_heard, raw_scores=means, weights=weights, addends=share * means)


def _heading(candidate: Rankable) -> tuple[str, str] | None:
    heading = candidate.heading
    return (candidate.source_type, heading) if heading else None


def _calibrate_sources(board: Scoreboard[Ranked], share: float) -> None:
    """Each leg's shortfall of a source's best, by the weight that the leg has for a record."""
    shortfalls = np.zeros(len(board))
    for said, ranks, _ in board.parts:
        best: dict[str, float] = {}
        for candidate, strength in zip(said.candidates, said.strengths.tolist(), strict=True):
            best.setdefault(candidate.source_type, strength)
        behind = [1.0 - best[candidate.source_type] for candidate in said.candidates]
        found = ranks > 0
        shortfalls[found] += (said.weights * behind)[ranks[found] - 1]
    _move_all(board, CALIBRATION, shortfalls, np.full(len(board), share))


def _favour_recent(board: Scoreboard[Ranked], options: BlendOptions, now: datetime) -> None:
    """What has no time gains nothing; what is dated ahead counts as of now."""
    freshness = np.full(len(board), np.nan)
    for place, one in enumerate(board.shown):
        if one.timestamp is not None:
            days = max(0.0, (now - one.timestamp).total_seconds() / SECONDS_PER_DAY)
            freshness[place] = 0.5 ** (days / options.half_life_of(one.source_type))
    _move_all(board, RECENCY, freshness, options.recency * board.scores)


def _mix_sources(board: Scoreboard[Ranked], share: float) -> None:
    """The n-th record of a source loses (n - 1)/n of ``share``: order within a source stays."""
    seen: dict[str, int] = {}
    crowding = np.full(len(board), np.nan)
    for place in board.order():
        source = board.shown[place].source_type
        before = seen.get(source, 0)
        seen[source] = before + 1
        if before:
            crowding[place] = before / (before + 1)
    _move_all(board, DIVERSITY, crowding, -share * board.scores)


def _move_all(board: Scoreboard[Ranked], name: str, raw_scores: Numbers, weights: Numbers) -> None:
    """All but those that have no raw score."""
    board.move(
        name,
        ~np.isnan(raw_scores),
        raw_scores=raw_scores,
        weights=weights,
        addends=weights * raw_scores,
    )


def _lift_identified(
    board: Scoreboard[Ranked], ranking: Sequence[Ranked], options: BlendOptions
) -> None:
    """Whatever the others' scores, and by the leg's own strengths among themselves."""
    if options.leg_weights.get(IDENTIFIER, 1.0):
        best = _best_chunk_per_record(ranking)
        board.lift(IDENTIFIER, best, _strengths(best, options))
