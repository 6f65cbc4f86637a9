"""Scoring of links: pairs found against pairs that are true, and how pairs are found."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from domain.correlation import (
    Decision,
    TokenStatistics,
    blocking_keys,
    decide,
    statistics_of,
)
from domain.models.entities import Description

Pair = tuple[Hashable, Hashable]
Item = TypeVar("Item")

CROWD = 300
"""A blocking key that more descriptions have than this is passed over."""


@dataclass(frozen=True, slots=True)
class Score:
    """What was found of what is true, in pairs."""

    found: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score(found: Iterable[Pair], truth: Iterable[Pair]) -> Score:
    found, truth = set(found), set(truth)
    return Score(len(found), len(truth), len(found & truth))


def timed(work: Callable[[], Item]) -> tuple[Item, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


class Blocks:
    """Descriptions by blocking key, as a store would keep them."""

    def __init__(self, descriptions: Iterable[Description] = ()) -> None:
        self.descriptions: list[Description] = []
        self._members: defaultdict[str, list[int]] = defaultdict(list)
        for one in descriptions:
            self.add(one)

    def add(self, description: Description) -> int:
        place = len(self.descriptions)
        self.descriptions.append(description)
        for key in blocking_keys(description):
            self._members[key].append(place)
        return place

    def partners(self, description: Description) -> list[int]:
        found: set[int] = set()
        for key in blocking_keys(description):
            members = self._members.get(key, ())
            if len(members) <= CROWD:
                found.update(members)
        return sorted(found)


def link(
    described: Sequence[Description],
    known: Mapping[Hashable, Description],
    statistics: TokenStatistics | None = None,
) -> list[Decision[Hashable]]:
    """Each description decided against the known entities that share a blocking key with it."""
    ids = list(known)
    blocks = Blocks(known.values())
    statistics = statistics or statistics_of(known.values())
    return [
        decide(
            one,
            [(ids[place], blocks.descriptions[place]) for place in blocks.partners(one)],
            statistics,
        )
        for one in described
    ]


def pairs_within(groups: Iterable[Hashable]) -> set[Pair]:
    """The pairs of places whose group is the same."""
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    return {pair for places in members.values() for pair in combinations(places, 2)}
