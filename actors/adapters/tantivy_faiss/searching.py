"""One search: through the index as far as it knows, then by reading, until enough is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import tantivy

from actors.adapters.tantivy_faiss.documents import (
    NUMBER,
    ORDER,
    TIME,
    Hits,
    is_as_asked,
    row_of,
)
from actors.adapters.tantivy_faiss.queries import Queries, Query
from actors.adapters.tantivy_faiss.row_cache import RowCache
from actors.adapters.tantivy_faiss.rows import UNDATED, Row, to_match
from actors.adapters.tantivy_faiss.vectors import Near, best_of
from actors.adapters.tantivy_faiss.viewing import View, pages
from domain.models.chunks import Embedding
from domain.models.search import Match, SearchFilter

EXACT_COST = 3
"""Comparing a chosen vector costs about as much as this many that a graph visits (measured)."""

COMPARED_AT_ONCE = 20_000
DEEPER = 4
MICROSECONDS = 1_000_000


class Found(NamedTuple):
    """The number of a living document, and how good it is."""

    number: int
    score: float


Finder = Callable[[int], list[Found]]
"""The best so many that may satisfy the filter, best first."""


class Search:
    """A search of one moment of the index under one filter. For one thread."""

    def __init__(self, view: View, queries: Queries, rows: RowCache, where: SearchFilter) -> None:
        self._searcher = view.searcher
        self._vectors = view.vectors
        self._queries = queries
        self._rows = rows
        self._where = where
        self._only, self._is_exact = queries.narrowed(where, view.searcher)
        self._places: dict[int, tantivy.DocAddress] = {}

    def by_words(self, text: str, limit: int) -> list[Match]:
        words = self._queries.words(text)
        if words is None:
            return []

        def find(depth: int) -> list[Found]:
            hits, numbers = self._search(words, self._only, depth)
            return [Found(number, hit[0]) for number, hit in zip(numbers, hits, strict=True)]

        return self._matches(find, limit)

    def by_vector(self, embedding: Embedding, limit: int) -> list[Match]:
        return self._matches(lambda depth: self._nearest(embedding, depth), limit)

    def scored_by_words(self, text: str, matches: Sequence[Match]) -> list[Match]:
        """The matches that have any of the words, in no order. They are as the filter asks."""
        by_number = {match.number: match for match in matches if match.number is not None}
        words = self._queries.words(text)
        if words is None or not by_number:
            return []
        hits, numbers = self._search(words, self._queries.only(list(by_number)), len(by_number))
        return [by_number[number].scored(hit[0]) for number, hit in zip(numbers, hits, strict=True)]

    def by_time(self, limit: int) -> list[Match]:
        return self._matches(self._newest, limit)

    def _matches(self, find: Finder, limit: int) -> list[Match]:
        found = self._best(find, limit) if limit > 0 else []
        rows = self._read([one.number for one in found])
        return [to_match(rows[one.number], one.score, one.number) for one in found]

    def _best(self, find: Finder, limit: int) -> list[Found]:
        """Deeper and deeper, until ``limit`` are as the filter asks, or there are no more."""
        living = max(1, self._searcher.num_docs)
        depth = min(limit, living)
        verdicts: dict[int, bool] = {}
        while True:
            found = find(depth)
            if self._is_exact:
                return found
            self._judge([one.number for one in found if one.number not in verdicts], verdicts)
            good = [one for one in found if verdicts[one.number]]
            if len(good) >= limit or len(found) < depth or depth >= living:
                return good[:limit]
            depth = min(DEEPER * depth, living)

    def _judge(self, numbers: Sequence[int], verdicts: dict[int, bool]) -> None:
        self._look_up(numbers)
        for number in numbers:
            document = self._searcher.doc(self._places[number])
            verdicts[number] = is_as_asked(document, self._where)

    def _read(self, numbers: Sequence[int]) -> dict[int, Row]:
        """What hits show of living chunks."""
        wanted = np.array(numbers, np.int64)
        rows = self._vectors.rows(wanted)
        if len(rows) < len(numbers):
            rows |= self._read_fresh([number for number in numbers if number not in rows])
        return rows

    def _read_fresh(self, numbers: Sequence[int]) -> dict[int, Row]:
        """The same of chunks that are in no graph yet, from their documents."""
        rows = self._rows.get(numbers)
        unknown = [number for number in numbers if number not in rows]
        self._look_up(unknown)
        read = {number: row_of(self._searcher.doc(self._places[number])) for number in unknown}
        self._rows.put(read)
        return rows | read

    def _look_up(self, numbers: Sequence[int]) -> None:
        """Find out where living documents are."""
        if unknown := [number for number in numbers if number not in self._places]:
            self._alive(unknown, None)

    def _search(self, words: Query, only: Query | None, depth: int) -> tuple[Hits, list[int]]:
        """The best with any of the words, and their numbers."""
        query = self._queries.both(words, only)
        hits = self._searcher.search(query, depth, count=False).hits
        return hits, self._note(hits)

    def _note(self, hits: Hits) -> list[int]:
        """The hits' numbers, in order."""
        places = [place for _, place in hits]
        if not places:
            return []
        numbers = cast("list[int]", self._searcher.fast_field_values(NUMBER, places))
        self._places.update(zip(numbers, places, strict=True))
        return numbers

    def _alive(self, numbers: Sequence[int], only: Query | None) -> set[int]:
        """Those of the numbers whose documents live and satisfy ``only``."""
        query = self._queries.both(self._queries.numbers(numbers), only)
        return set(self._note(self._searcher.search(query, len(numbers), count=False).hits))

    def _nearest(self, embedding: Embedding, depth: int) -> list[Found]:
        """Graphs know neither filters nor deletions, so more are looked at than asked for; where
        few chunks satisfy the filter, those are compared one by one instead."""
        only, known = self._only, len(self._vectors)
        living = int(self._searcher.num_docs)
        if only is None and living == known:
            near = self._vectors.search(embedding, depth)
            if len(near.numbers) >= depth:
                return _found(near)
        matching = living if only is None else self._count(only)
        wanted = min(depth, matching)
        count = _with_reserve(wanted * known / matching) if matching else known
        while matching * EXACT_COST > count and count < known:
            near = self._vectors.search(embedding, count)
            alive = self._alive(near.numbers.tolist(), only)
            found = [one for one in _found(near) if one.number in alive][:depth]
            if len(found) >= wanted:
                return found
            count *= DEEPER
        return _found(self._compared(embedding, only, depth)) if matching else []

    def _compared(self, embedding: Embedding, only: Query | None, depth: int) -> Near:
        """The nearest of all that satisfy ``only``, a bounded number of them at a time."""
        near = Near.none()
        for hits in pages(self._searcher, self._queries, only=only, size=COMPARED_AT_ONCE):
            numbers = np.array([number for number, _ in hits], np.int64)
            near = best_of([near, self._vectors.among(numbers, embedding, depth)], depth)
        return near

    def _newest(self, depth: int) -> list[Found]:
        """Of those that share the last one's time the first by chunk id are taken."""
        query = self._only or self._queries.everything
        hits = self._by(query, TIME, tantivy.Order.Desc, depth)
        if hits and len(hits) == depth:
            last = hits[-1][0]
            newer = [hit for hit in hits if hit[0] > last]
            ties = self._queries.both(self._queries.at(last), self._only)
            found = self._by(ties, ORDER, tantivy.Order.Asc, depth - len(newer))
            hits = [*newer, *((last, place) for _, place in found)]
        numbers = self._note(hits)
        orders = self._values(ORDER, [place for _, place in hits])
        ranked = sorted(
            (-time, order, number)
            for (time, _), order, number in zip(hits, orders, numbers, strict=True)
        )
        return [Found(number, _seconds(-time)) for time, _, number in ranked]

    def _by(self, query: Query, field: str, order: tantivy.Order, limit: int) -> list[Any]:
        return list(
            self._searcher.search(query, limit, count=False, order_by_field=field, order=order).hits
        )

    def _values(self, field: str, places: list[tantivy.DocAddress]) -> list[int]:
        return cast("list[int]", self._searcher.fast_field_values(field, places)) if places else []

    def _count(self, query: Query) -> int:
        found: Any = self._searcher.search(query, 1, count=True)
        return int(found.count)


def _found(near: Near) -> list[Found]:
    return [Found(*pair) for pair in zip(near.numbers.tolist(), near.cosines.tolist(), strict=True)]


def _seconds(time: int) -> float:
    return 0.0 if time == UNDATED else time / MICROSECONDS


def _with_reserve(count: float) -> int:
    return int(1.2 * count) + 8
