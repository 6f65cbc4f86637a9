"""Scoring of links: pairs found against pairs that are true, and how pairs are found."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import combinations

from domain.correlation import (
    LIKELY,
    Decision,
    FoundName,
    TokenStatistics,
    blocking_keys,
    compare,
    decide,
    statistics_of,
)
from domain.models.entities import Description, Verdict

Pair = tuple[Hashable, Hashable]

ENOUGH = 30
"""So many descriptions at most are compared with one: those that share the most and rarest keys."""
CROWD = 500
"""A blocking key that more descriptions have than this is passed over."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many pairs were found, how many there are, and how many of those found are right."""

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


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a set, which links of it, how well, and the exact string match."""

    set: str
    links: str
    score: Score
    baseline: Score
    seconds: float


def score(found: Iterable[Pair], truth: Iterable[Pair]) -> Score:
    found, truth = set(found), set(truth)
    return Score(len(found), len(truth), len(found & truth))


def pooled(scores: Iterable[Score]) -> Score:
    """Of all pairs together."""
    each = list(scores)
    return Score(
        sum(one.found for one in each),
        sum(one.true for one in each),
        sum(one.right for one in each),
    )


def measured(
    name: str,
    links: str,
    truth: Iterable[Pair],
    baseline: Iterable[Pair],
    work: Callable[[], Iterable[Pair]],
) -> Row:
    truth = set(truth)
    began = time.process_time()
    found = set(work())
    seconds = time.process_time() - began
    return Row(name, links, score(found, truth), score(baseline, truth), seconds)


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
        """Places of the descriptions that share the most with one, at most ``ENOUGH``."""
        shared: defaultdict[int, float] = defaultdict(float)
        for key in blocking_keys(description):
            members = self._members.get(key, ())
            if len(members) <= CROWD:
                for place in members:
                    shared[place] += math.log2(1 + CROWD / len(members))
        return nlargest(ENOUGH, shared, key=lambda place: (shared[place], -place))


def link(
    described: Sequence[Description],
    known: Mapping[str, Description],
    statistics: TokenStatistics | None = None,
) -> list[Decision[str]]:
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


def linked(decisions: Iterable[Decision[str]]) -> set[Pair]:
    """Place and id of what was linked."""
    return {(place, one.linked) for place, one in enumerate(decisions) if one.linked is not None}


def one_after_another(descriptions: Sequence[Description]) -> list[int]:
    """The entity of each description, as a store grows that learns of one after the other.

    An entity is named by the place of its first description. Where a decision says that several
    entities are one they are merged.
    """
    statistics = statistics_of(descriptions)
    blocks = Blocks()
    entities: list[int] = []
    for place, one in enumerate(descriptions):
        candidates = [
            (entities[other], blocks.descriptions[other]) for other in blocks.partners(one)
        ]
        decision = decide(one, candidates, statistics)
        own = place if decision.linked is None else decision.linked
        if decision.linked is not None and len(decision.candidates) > 1:
            merged = {candidate.id for candidate in decision.candidates}
            entities = [own if entity in merged else entity for entity in entities]
        entities.append(own)
        blocks.add(one)
    return entities


def cross_verdicts(
    left: Sequence[Description], right: Sequence[Description]
) -> dict[tuple[int, int], Verdict]:
    """Verdicts, by places, on the pairs between two lists that share a blocking key.

    Without those that score too little to be paired up, which are most.
    """
    statistics = statistics_of([*left, *right])
    blocks = Blocks(right)
    verdicts: dict[tuple[int, int], Verdict] = {}
    for place, one in enumerate(left):
        for other in blocks.partners(one):
            verdict = compare(one, right[other], statistics)
            if verdict.score >= LIKELY:
                verdicts[place, other] = verdict
    return verdicts


def pairs_within(groups: Iterable[Hashable]) -> set[Pair]:
    """The pairs of places whose group is the same; a group None pairs with nothing."""
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        if group is not None:
            members[group].append(place)
    return {pair for places in members.values() for pair in combinations(places, 2)}


def pairs_between(left: Iterable[Hashable], right: Iterable[Hashable]) -> set[Pair]:
    """The pairs of places, one of each list, whose values are equal and not None."""
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, value in enumerate(right):
        members[value].append(place)
    return {
        (place, other)
        for place, value in enumerate(left)
        if value is not None
        for other in members.get(value, ())
    }


def same_name(people: Sequence[Description], names: Mapping[str, str | None]) -> set[Pair]:
    """Places of people and ids of those who have the very same name."""
    ids = list(names)
    pairs = pairs_between((one.name for one in people), names.values())
    return {(place, ids[int(str(other))]) for place, other in pairs}


def ids_of(found: Iterable[FoundName[str]]) -> set[str]:
    """Everybody whose name was found."""
    return {id for one in found for id in one.ids}
