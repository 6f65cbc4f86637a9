"""Hits that say what a better hit has said already are folded into it, and counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.blend_options import Collapse
from domain.models.chunks import Vector
from domain.models.search import Candidate, Hit

LOOKED_AT_BEYOND = 20
"""Hits beyond those asked for that are looked at, to fill the places of folded ones."""

MIN_LIKENESS = 0.9
"""Cosine below which texts are not compared: no near-duplicate in the judged sets lay below."""

MIN_SHARED = 0.8
"""Share of all three-word sequences of both texts that near-duplicates have in common."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


class Found(NamedTuple):
    """A hit that has been read, with the vector of what was found."""

    hit: Hit[Candidate]
    vector: Vector | None


def collapse(found: Sequence[Found], how: Collapse, *, limit: int) -> list[Hit[Candidate]]:
    """The first ``limit`` hits that say something new; each says how many are folded into it.

    ``found`` is ordered, best first; what stands in it is counted, kept or folded.
    """
    if how is Collapse.NONE:
        return [each.hit for each in found[:limit]]
    alike = _alike(found)
    first_of: dict[tuple[str, str], int] = {}
    folded: dict[int, int] = {}
    for place, each in enumerate(found):
        thread = _thread(each.hit.candidate) if how is Collapse.THREADS else None
        same = (other for other in folded if _is_duplicate(found, alike, place, other))
        into = first_of.get(thread) if thread in first_of else next(same, None)
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


def _alike(found: Sequence[Found]) -> NDArray[np.bool_] | None:
    """Whose vectors are near each other; ``None`` where not all have one."""
    vectors = [each.vector for each in found if each.vector is not None]
    if len(vectors) < len(found) or not vectors:
        return None
    rows = np.stack(vectors).astype(np.float32)
    alike: NDArray[np.bool_] = rows @ rows.T >= MIN_LIKENESS
    return alike


def _is_duplicate(
    found: Sequence[Found], alike: NDArray[np.bool_] | None, place: int, other: int
) -> bool:
    if alike is not None and not alike[place, other]:
        return False
    return says_the_same(found[place].hit.candidate.text, found[other].hit.candidate.text)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(text))


def _shingles(words: Sequence[str]) -> set[tuple[str, ...]]:
    """Sequences of three words; of shorter texts the whole."""
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}
