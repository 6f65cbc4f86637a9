"""Scores of some hundred records as arrays, and an account of each that is looked at.

Of what is ranked little is shown: numbers are reckoned for all at once, hits are made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.blend_options import Leg
from domain.models.search import Contribution, Hit, Ranked

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Ranks = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)
UNRANKED = np.iinfo(np.int64).max


class Said(NamedTuple, Generic[Ranked]):
    """What a leg says: its best chunk of each record, best first, with weight and strength."""

    leg: Leg
    candidates: Sequence[Ranked]
    weights: Numbers
    strengths: Numbers


class Part(NamedTuple, Generic[Ranked]):
    """The same by place, and what it adds; ``ranks`` are from 1, and 0 where it found nothing."""

    said: Said[Ranked]
    ranks: Ranks
    addends: Numbers


class _Move(NamedTuple):
    """What else moves records, by place; those that ``is_moved`` says."""

    name: str
    is_moved: NDArray[np.bool_]
    raw_scores: Numbers
    weights: Numbers
    addends: Numbers
    ranks: Ranks | None


class Scoreboard(Generic[Ranked]):
    """Records at places from 0, with the addends that each one's score is the sum of, in order.

    ``shown`` is the chunk that added most, the first of equals; of what is lifted, that found by
    the leg that lifts: another chunk may say nothing of it.
    """

    def __init__(self, legs: Iterable[Said[Ranked]]) -> None:
        legs = list(legs)
        self._place_of: dict[int, int] = {}
        self.shown: list[Ranked] = []
        places = [self._places(said.candidates) for said in legs]
        count = len(self.shown)
        self.scores: Numbers = np.zeros(count)
        self._best_ranks: Ranks = np.full(count, UNRANKED)
        self._kept: Numbers = np.ones(count)
        self._shown_addends: Numbers = np.full(count, -1.0)
        self._moves: list[_Move] = []
        self.parts = [self._part(*pair) for pair in zip(legs, places, strict=True)]

    def __len__(self) -> int:
        return len(self.shown)

    def order(self) -> Places:
        """Places, best first: equal scores by best rank, then by record id."""
        order = np.argsort(-self.scores, kind="stable")
        ordered = self.scores[order]
        if (ordered[1:] == ordered[:-1]).any():
            scores, ranks = (-self.scores).tolist(), self._best_ranks.tolist()
            ids = [one.record_id.int for one in self.shown]
            order = np.array(
                sorted(order.tolist(), key=lambda at: (scores[at], ranks[at], ids[at]))
            )
        return order

    def keep(self, shares: Numbers) -> None:
        """Leave of each record's score such a share, before anything moves it."""
        self._kept = shares
        self.parts = [part._replace(addends=part.addends * shares) for part in self.parts]
        self.scores = np.zeros(len(self))
        for part in self.parts:
            self.scores += part.addends

    def move(
        self,
        name: str,
        is_moved: NDArray[np.bool_],
        *,
        raw_scores: Numbers,
        weights: Numbers,
        addends: Numbers,
        ranks: Ranks | None = None,
    ) -> None:
        """Add to the scores of some; what stands at the places of others has no meaning."""
        self._moves.append(_Move(name, is_moved, raw_scores, weights, addends, ranks))
        self.scores = np.where(is_moved, self.scores + addends, self.scores)

    def lift(self, leg: Leg, candidates: Sequence[Ranked]) -> None:
        """Let these, best first, stand above all others; the only way for a record to come later.

        The leg's scores are levels: what is on one stands above all that is below it, in the order
        of the scores that they have already.
        """
        ceiling = max(self.scores.tolist(), default=0.0)
        places = self._places(candidates)
        self._grow()
        for place, candidate in zip(places.tolist(), candidates, strict=True):
            self.shown[place] = candidate
        ranks = np.zeros(len(self), np.int64)
        ranks[places] = np.arange(1, len(candidates) + 1)
        self._best_ranks[places] = np.minimum(self._best_ranks[places], ranks[places])
        raw_scores = np.zeros(len(self))
        raw_scores[places] = [candidate.score for candidate in candidates]
        self.move(
            leg,
            ranks > 0,
            raw_scores=raw_scores,
            weights=np.ones(len(self)),
            addends=self._by_level(raw_scores, places, ceiling),
            ranks=ranks,
        )

    def hit(self, place: int) -> Hit[Ranked]:
        """The hit at a place, with all that it owes its score to."""
        contributions = []
        kept = float(self._kept[place])
        for (leg, candidates, weights, _), ranks, addends in self.parts:
            if rank := int(ranks[place]):
                raw_score, weight = candidates[rank - 1].score, float(weights[rank - 1]) * kept
                addend = float(addends[place])
                contributions.append(Contribution(leg, rank, raw_score, weight, addend))
        contributions += [
            Contribution(
                one.name,
                None if one.ranks is None else int(one.ranks[place]),
                float(one.raw_scores[place]),
                float(one.weights[place]),
                float(one.addends[place]),
            )
            for one in self._moves
            if one.is_moved[place]
        ]
        return Hit(self.shown[place], float(self.scores[place]), tuple(contributions))

    def _by_level(self, raw_scores: Numbers, places: Places, ceiling: float) -> Numbers:
        """What lifts each place above ``ceiling``, and above whatever has a lower raw score."""
        addends = np.zeros(len(self))
        above = ceiling + 1.0
        for _, level in groupby(reversed(places.tolist()), key=lambda place: raw_scores[place]):
            lifted = list(level)
            addends[lifted] = above
            above += 1.0 + float(self.scores[lifted].max())
        return addends

    def _places(self, candidates: Sequence[Ranked]) -> Places:
        """Where their records are; unknown ones come last."""
        place_of, shown, places = self._place_of, self.shown, []
        for candidate in candidates:
            key = candidate.record_id.int  # A UUID itself is hashed and compared in Python.
            place = place_of.get(key)
            if place is None:
                place = place_of[key] = len(shown)
                shown.append(candidate)
            places.append(place)
        return np.array(places, np.intp)

    def _part(self, said: Said[Ranked], places: Places) -> Part[Ranked]:
        ranks, addends = np.zeros(len(self), np.int64), np.zeros(len(self))
        said_addends = said.weights * said.strengths
        ranks[places] = np.arange(1, len(places) + 1)
        addends[places] = said_addends
        self._show_greater(said.candidates, places, said_addends)
        self.scores += addends
        self._best_ranks[places] = np.minimum(self._best_ranks[places], ranks[places])
        return Part(said, ranks, addends)

    def _show_greater(self, candidates: Sequence[Ranked], places: Places, addends: Numbers) -> None:
        is_greater = addends > self._shown_addends[places]
        for at in np.flatnonzero(is_greater).tolist():
            self.shown[places[at]] = candidates[at]
        self._shown_addends[places] = np.maximum(self._shown_addends[places], addends)

    def _grow(self) -> None:
        """Make room for records that no leg has found: nothing has been said of them."""
        more = len(self) - len(self.scores)
        if not more:
            return

        def grown(array: NDArray[Number]) -> NDArray[Number]:
            return np.concatenate([array, np.zeros(more, array.dtype)])

        self.scores, self._kept = grown(self.scores), grown(self._kept)
        self._best_ranks = np.concatenate([self._best_ranks, np.full(more, UNRANKED)])
        self.parts = [
            part._replace(ranks=grown(part.ranks), addends=grown(part.addends))
            for part in self.parts
        ]
        self._moves = [
            _Move(
                one.name,
                grown(one.is_moved),
                grown(one.raw_scores),
                grown(one.weights),
                grown(one.addends),
                None if one.ranks is None else grown(one.ranks),
            )
            for one in self._moves
        ]
