"""The cache of rows that were read of the index."""

from __future__ import annotations

import numpy as np

from actors.adapters.tantivy_faiss.row_cache import ENTRY_BYTES, RowCache
from actors.adapters.tantivy_faiss.rows import Row


def row(name: str) -> Row:
    return Row(name.encode(), 0, len(name), np.empty(0, np.float16))


def names(cache: RowCache, row_ids: list[int]) -> dict[int, bytes]:
    return {row_id: row.kept for row_id, row in cache.get(row_ids).items()}


def test_only_known_rows_are_found() -> None:
    cache = RowCache(max_bytes=10_000)
    cache.put({1: row("a")})
    assert names(cache, [1, 2]) == {1: b"a"}


def test_the_row_that_was_unused_for_the_longest_is_forgotten_first() -> None:
    cache = RowCache(max_bytes=2 * (ENTRY_BYTES + 1))
    cache.put({1: row("a"), 2: row("b")})
    cache.get([1])
    cache.put({3: row("c")})
    assert names(cache, [1, 2, 3]) == {1: b"a", 3: b"c"}


def test_a_row_put_twice_takes_room_once() -> None:
    cache = RowCache(max_bytes=2 * (ENTRY_BYTES + 1))
    for _ in range(3):
        cache.put({1: row("a")})
    cache.put({2: row("b")})
    assert set(cache.get([1, 2])) == {1, 2}
