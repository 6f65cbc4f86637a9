"""Comparing names and titles word by word: a rare word that both have weighs most."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cdist

from domain.correlating.wording import quoted, share
from domain.models.entities import Evidence

Frequency = Callable[[str], float]
"""The share of all known descriptions that carry a token."""


@dataclass(frozen=True, slots=True)
class WordModel:
    """What shared, similar and other words of two texts are worth.

    ``shared`` is the probability that a word of one description stands in another of the same
    entity. ``similar`` is the same for a misspelt or shortened form, 0 to look for none. A word
    that stands against another one weighs ``against``, one that only one text has ``alone``.
    ``scale`` below 1 allows for words that come together: half a title that agrees makes the
    other half likely. All shared and similar words together weigh no more than ``most``.
    """

    words: Callable[[str], Sequence[str]]
    usual: float
    shared: float
    similar: float
    against: float
    alone: float
    scale: float = 1.0
    most: float = math.inf

    def tokens(self, text: str) -> Iterator[str]:
        return iter(self.words(text))

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        left, right = _joined_alike(self.words(a), self.words(b))
        common = set(left) & set(right)
        left = [word for word in dict.fromkeys(left) if word not in common]
        right = [word for word in dict.fromkeys(right) if word not in common]
        similar = self._similar(left, right, frequency)
        yield from self._bounded(
            [
                *(self._shared(label, word, frequency(word)) for word in sorted(common)),
                *(
                    Evidence(f"{label}: {quoted(one, other)} are alike", weight)
                    for one, other, weight in similar
                ),
            ]
        )
        taken = {word for one, other, _ in similar for word in (one, other)}
        yield from self._unlike(
            label,
            [word for word in left if word not in taken],
            [word for word in right if word not in taken],
        )

    def _bounded(self, evidence: Sequence[Evidence]) -> Iterator[Evidence]:
        total = math.fsum(one.weight for one in evidence)
        kept = min(1.0, self.most / total) if total else 1.0
        return (Evidence(one.reason, one.weight * kept) for one in evidence)

    def _shared(self, label: str, word: str, frequency: float) -> Evidence:
        weight = self.scale * max(0.0, math.log2(self.shared / frequency))
        return Evidence(f"{label}: both have {quoted(word)}, as {share(frequency)} do", weight)

    def _similar(
        self, left: Sequence[str], right: Sequence[str], frequency: Frequency
    ) -> list[tuple[str, str, float]]:
        """Pairs of similar words, each word in at most one, the most similar first."""
        if not self.similar:
            return []
        pairs = list(alike(left, right))
        pairs.sort(key=lambda pair: (-pair[0], sorted(pair[1:])))
        chosen: list[tuple[str, str, float]] = []
        taken: set[str] = set()
        for _, one, other in pairs:
            if one not in taken and other not in taken:
                taken |= {one, other}
                by_chance = _CHANCE_OF_LIKENESS + frequency(one) + frequency(other)
                weight = self.scale * max(0.0, math.log2(self.similar / by_chance))
                chosen.append((one, other, weight))
        return chosen

    def _unlike(self, label: str, left: Sequence[str], right: Sequence[str]) -> Iterator[Evidence]:
        opposed = min(len(left), len(right))
        if opposed:
            words = quoted(*(" ".join(sorted(side)) for side in (left, right)))
            yield Evidence(f"{label}: {words} differ", opposed * self.against)
        single = abs(len(left) - len(right))
        if single and self.alone:
            plural = "s" if single > 1 else ""
            yield Evidence(f"{label}: one has {single} more word{plural}", single * self.alone)


_CHANCE_OF_LIKENESS = 0.004
"""How often two words are alike by chance, beside their being common."""


def alike(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[float, str, str]]:
    """The pairs of words that are alike, with their likeness."""
    if not left or not right:
        return
    # One call for all pairs, of which few are close: most of the time goes into the calls.
    close = cdist(left, right, scorer=JaroWinkler.similarity, score_cutoff=0.7)
    for row, column in zip(*close.nonzero(), strict=True):
        one, other = left[row], right[column]
        if similarity := likeness(one, other):
            yield similarity, one, other


def likeness(a: str, b: str) -> float:
    """How alike two words are, 0 if they are not: misspelt, shortened, or only an initial."""
    short, long = sorted((a, b), key=len)
    if len(short) == 1:
        return 0.5 if long.startswith(short) else 0.0
    if len(short) < 3 or not (short.isalpha() and long.isalpha()):
        return 0.0
    if long.startswith(short):
        return 0.9
    similarity = float(JaroWinkler.similarity(a, b))
    slips = 1 if len(short) < 6 else 2
    if similarity >= 0.9 or (similarity >= 0.7 and OSA.distance(a, b) <= slips):
        return similarity
    return 0.0


def _joined_alike(a: Sequence[str], b: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words that one text writes as two and the other as one, as one in both."""
    return _joined(a, frozenset(b)), _joined(b, frozenset(a))


def _joined(words: Sequence[str], other: frozenset[str]) -> list[str]:
    joined = list(words)
    for first, second in pairwise(words):
        if first + second in other and first not in other and first in joined and second in joined:
            joined[joined.index(first)] = first + second
            joined.remove(second)
    return joined
