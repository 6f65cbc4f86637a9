"""Searches over several graphs, each of which is asked for a part of the nearest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actors.adapters.tantivy_faiss.segments import Matrix, Page, build_segments, open_segment
from actors.adapters.tantivy_faiss.vectors import Vectors

DIMENSION, GRAPHS, ROWS, COUNT = 16, 6, 400, 100


def drawn(rows: int, seed: int) -> Matrix:
    vectors = np.random.default_rng(seed).standard_normal((rows, DIMENSION)).astype(np.float32)
    return normalised(vectors)


def normalised(vectors: Matrix) -> Matrix:
    lengths: Matrix = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / lengths


def pages_of(vectors: Matrix) -> Iterator[Page]:
    for first in range(0, len(vectors), ROWS):
        numbers = np.arange(first, first + ROWS)
        yield Page(numbers, vectors[first : first + ROWS], [b"row"] * ROWS)


def in_graphs(directory: Path, vectors: Matrix) -> Vectors:
    """Rows in graphs of ``ROWS`` each; a row's number is its place."""
    files = build_segments(directory, DIMENSION, pages_of(vectors), max_rows=ROWS)
    assert len(files) == GRAPHS
    return Vectors.none(DIMENSION).with_segments(
        tuple(open_segment(directory, file) for file in files)
    )


def found_share(vectors: Vectors, matrix: Matrix, query: Matrix) -> float:
    """Of the truly nearest ``COUNT``."""
    nearest = np.argsort(-(matrix @ query))[:COUNT]
    found = vectors.search(query, COUNT).numbers
    assert len(found) == COUNT
    return len(set(found.tolist()) & set(nearest.tolist())) / COUNT


def test_the_nearest_are_found_where_all_graphs_have_some_of_them(tmp_path: Path) -> None:
    matrix = drawn(GRAPHS * ROWS, 1)
    vectors = in_graphs(tmp_path, matrix)
    shares = [found_share(vectors, matrix, query) for query in drawn(20, 2)]
    assert sum(shares) / len(shares) >= 0.95


def test_the_nearest_are_found_where_one_graph_has_all_of_them(tmp_path: Path) -> None:
    query = drawn(1, 3)[0]
    matrix = drawn(GRAPHS * ROWS, 1)
    matrix[ROWS : ROWS + 200] = normalised(matrix[ROWS : ROWS + 200] * 0.3 + query)
    assert found_share(in_graphs(tmp_path, matrix), matrix, query) >= 0.95
