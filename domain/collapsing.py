"""Hits that say what a better hit has said already are folded into it, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from domain.blend_options import Collapse
from domain.models.chunks import Vector
from domain.models.search import Candidate, Hit
from domain.neighbours import as_matrix

LOOKED_AT_BEYOND = 10
"""Hits beyond those asked for that are looked at first, to fill the places of folded ones."""

MIN_LIKENESS = 0.9
"""Cosine below which texts are not compared: no near-duplicate in the judged sets lay below."""

MIN_SHARED = 0.8
"""Share of all three-word sequences of both texts that near-duplicates have in common."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")

Ranked = TypeVar("Ranked")


class Found(NamedTuple):
    """A hit that has been read, with the vector of what was found."""

    hit: Hit[Candidate]
    vector: Vector | None


def collapsed(
    ranking: Sequence[Ranked], read: Callable[[Ranked], Found], how: Collapse, *, limit: int
) -> list[Hit[Candidate]]:
    """``collapse`` of as much of a ranking as it takes to keep ``limit`` hits, or of all of it.

    What is kept never depends on how much that is; how many are folded into it does.
    """
    window = limit if how is Collapse.NONE else limit + LOOKED_AT_BEYOND
    found: list[Found] = []
    while True:
        found += [read(each) for each in ranking[len(found) : window]]
        kept = collapse(found, how, limit=limit)
        if len(kept) == limit or window >= len(ranking):
            return kept
        window *= 2


def collapse(found: Sequence[Found], how: Collapse, *, limit: int) -> list[Hit[Candidate]]:
    """The first ``limit`` hits that say something new; each says how many are folded into it.

    ``found`` is ordered, best first; what stands in it is counted, kept or folded.
    """
    if how is Collapse.NONE:
        return [each.hit for each in found[:limit]]

    def same(one: int, other: int) -> bool:
        texts = (found[place].hit.candidate.text for place in (one, other))
        return says_the_same(*texts)

    alike = _alike_before(found)
    first_of: dict[tuple[str, str], int] = {}
    folded: dict[int, int] = {}
    for place, each in enumerate(found):
        thread = _thread(each.hit.candidate) if how is Collapse.THREADS else None
        into = first_of.get(thread) if thread else None
        if into is None:
            into = next((one for one in alike[place] if one in folded and same(one, place)), None)
        if into is None:
            into = place
            folded[place] = 0
        else:
            folded[into] += 1
        if thread is not None:
            first_of.setdefault(thread, into)
    return [replace(found[place].hit, folded=folded[place]) for place in list(folded)[:limit]]


def says_the_same(one: str, other: str) -> bool:
    """Whether the texts are the same but for case, punctuation and a few words.

    Texts with different numbers never are: rows of a table may differ in nothing else.
    """
    if _numbers(one) != _numbers(other):
        return False
    words, others = _words(one), _words(other)
    if words == others:
        return True
    left, right = _shingles(words), _shingles(others)
    return len(left & right) >= MIN_SHARED * len(left | right)


def _thread(candidate: Candidate) -> tuple[str, str] | None:
    return (candidate.source_type, candidate.thread) if candidate.thread else None


def _alike_before(found: Sequence[Found]) -> list[list[int]]:
    """For each place the earlier ones that are worth comparing with it, in order.

    Those whose vectors are near; where one of both has no vector, those of the very same words.
    """
    known = [place for place, each in enumerate(found) if each.vector is not None]
    alike = _of_same_words(found) if len(known) < len(found) else [[] for _ in found]
    for place, earlier in _near(found, known):
        alike[place].append(earlier)
    return [sorted(places) for places in alike]


def _near(found: Sequence[Found], places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Pairs of these places whose vectors are near, the later one first."""
    vectors = [vector for place in places if (vector := found[place].vector) is not None]
    if vectors:
        rows = as_matrix(vectors)
        pairs = np.nonzero(np.tril(rows @ rows.T >= MIN_LIKENESS, -1))
        for later, earlier in zip(*(each.tolist() for each in pairs), strict=True):
            yield places[later], places[earlier]


def _of_same_words(found: Sequence[Found]) -> list[list[int]]:
    """For each place the earlier ones of the same words, unless both have vectors."""
    places: dict[tuple[str, ...], list[int]] = {}
    alike: list[list[int]] = []
    for place, each in enumerate(found):
        before = places.setdefault(tuple(_words(each.hit.candidate.text)), [])
        has_vector = each.vector is not None
        alike.append([one for one in before if not has_vector or found[one].vector is None])
        before.append(place)
    return alike


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(text))


def _shingles(words: Sequence[str]) -> set[tuple[str, ...]]:
    """Sequences of three words; of shorter texts the whole."""
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}
