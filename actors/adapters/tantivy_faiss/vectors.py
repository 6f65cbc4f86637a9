"""Vectors by number: graphs on disk for most, the freshest ones compared one by one.

What was deleted or replaced meanwhile still has its vector; whoever searches looks up which numbers
are alive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from actors.adapters.tantivy_faiss.rows import Row
from actors.adapters.tantivy_faiss.segments import (
    EXPLORED_ON_SEARCH,
    Matrix,
    Numbers,
    Segment,
    in_this_thread_alone,
)
from domain.models.chunks import Embedding

PARTS, LEAST_PART = 2, 48
"""Of n segments each is asked for so many n-th parts of the nearest, and no fewer than that. Of
565,000 vectors in five 99.4 % of the true first ten are found, and 97.8 % of the first hundred, in
2.3 ms; exploring four with 432,000 as if each were alone finds 99.5 and 99.5 % in 4.0."""


class Near(NamedTuple):
    """Numbers and their cosines, nearest first."""

    numbers: Numbers
    cosines: NDArray[np.float32]

    @classmethod
    def none(cls) -> Near:
        return cls(np.empty(0, np.int64), np.empty(0, np.float32))

    def has(self, number: np.int64) -> bool:
        return bool((self.numbers == number).any())


@dataclass(frozen=True, slots=True)
class Vectors:
    """All vectors of a moment: ``fresh`` ones have numbers beyond those of the segments."""

    segments: tuple[Segment, ...]
    fresh_numbers: Numbers
    fresh: Matrix

    @classmethod
    def none(cls, dimension: int) -> Vectors:
        return cls((), np.empty(0, np.int64), np.empty((0, dimension), np.float32))

    def __len__(self) -> int:
        return sum(each.file.rows for each in self.segments) + len(self.fresh_numbers)

    @property
    def newest(self) -> int:
        """The greatest number; -1 without any."""
        if len(self.fresh_numbers):
            return int(self.fresh_numbers[-1])
        return self.segments[-1].file.last if self.segments else -1

    def search(self, embedding: Embedding, count: int) -> Near:
        """The nearest ``count``, of the segments nearly always.

        Of several segments each is asked for a part of them, and for all where the last of its
        part is among the nearest still.
        """
        part = min(count, max(LEAST_PART, PARTS * count // max(1, len(self.segments))))
        found = [_search_segment(each, embedding, part, count) for each in self.segments]
        if len(self.fresh_numbers):
            found.append(_compared(self.fresh_numbers, self.fresh, embedding, count))
        near = best_of(found, count)
        if part == count:
            return near
        for place, segment in enumerate(self.segments):
            if len(found[place].numbers) == part and near.has(found[place].numbers[-1]):
                found[place] = _search_segment(segment, embedding, count, count)
        return best_of(found, count)

    def among(self, numbers: Numbers, embedding: Embedding, count: int) -> Near:
        """The nearest of these numbers, compared one by one; unknown ones are left out."""
        numbers = np.sort(numbers)
        found = [_among_segment(each, numbers, embedding, count) for each in self.segments]
        at = np.isin(self.fresh_numbers, numbers, assume_unique=True)
        found.append(_compared(self.fresh_numbers[at], self.fresh[at], embedding, count))
        return best_of(found, count)

    def rows(self, numbers: Numbers) -> dict[int, Row]:
        """The rows of those that are in graphs; fresh ones are left out."""
        rows: dict[int, Row] = {}
        for segment in self.segments:
            at, is_here = segment.places(numbers)
            if is_here.any():
                rows |= zip(numbers[is_here].tolist(), segment.rows_at(at[is_here]), strict=True)
        return rows

    def with_fresh(self, pages: Sequence[tuple[Numbers, Matrix]]) -> Vectors:
        """With further ones, whose numbers ascend and are greater than all that are here."""
        return Vectors(
            self.segments,
            np.concatenate([self.fresh_numbers, *(numbers for numbers, _ in pages)]),
            np.concatenate([self.fresh, *(vectors for _, vectors in pages)]),
        )

    def with_segments(self, segments: tuple[Segment, ...]) -> Vectors:
        """With other segments; what these hold is not fresh any more.

        Where they hold less than those before, nothing is: the rest is to be read again.
        """
        last = segments[-1].file.last if segments else -1
        before = self.segments[-1].file.last if self.segments else -1
        at = int(np.searchsorted(self.fresh_numbers, last, side="right"))
        if last < before:
            at = len(self.fresh_numbers)
        return Vectors(segments, self.fresh_numbers[at:].copy(), self.fresh[at:].copy())


def _search_segment(segment: Segment, embedding: Embedding, part: int, count: int) -> Near:
    """The nearest ``part`` of it; less is explored for a part than for all of ``count``."""
    in_this_thread_alone()
    explored = EXPLORED_ON_SEARCH if part == count else part
    how: Any = faiss.SearchParametersHNSW(efSearch=explored)  # type: ignore[attr-defined]
    (cosines,), (at,) = segment.graph.search(
        embedding.reshape(1, -1), min(part, segment.file.rows), params=how
    )
    # A graph may reach fewer than it was asked for.
    reached = at >= 0
    return Near(segment.numbers[at[reached]], cosines[reached])


def _among_segment(segment: Segment, numbers: Numbers, embedding: Embedding, count: int) -> Near:
    ours = numbers[np.searchsorted(numbers, segment.file.first) :]
    ours = ours[: np.searchsorted(ours, segment.file.last, side="right")]
    at, is_here = segment.places(ours)
    if not is_here.any():
        return Near.none()
    return _compared(ours[is_here], segment.vectors(at[is_here]), embedding, count)


def _compared(numbers: Numbers, vectors: Matrix, embedding: Embedding, count: int) -> Near:
    """The nearest, by FAISS: numpy's product wakes threads that wait for each other spinning."""
    if not len(numbers):
        return Near.none()
    in_this_thread_alone()
    query = np.ascontiguousarray(embedding, np.float32).reshape(1, -1)
    (cosines,), (at,) = faiss.knn(
        query, vectors, min(count, len(numbers)), metric=faiss.METRIC_INNER_PRODUCT
    )
    return Near(numbers[at], cosines)


def best_of(found: Sequence[Near], count: int) -> Near:
    """The nearest ``count`` of all."""
    if not found:
        return Near.none()
    numbers = np.concatenate([each.numbers for each in found])
    cosines = np.concatenate([each.cosines for each in found])
    # Equal ones by their numbers, so that an order does not depend on the segments.
    order = np.lexsort((numbers, -cosines))[:count]
    return Near(numbers[order], cosines[order])
