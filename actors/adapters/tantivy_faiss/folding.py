"""Which graph fresh vectors go into, and putting them there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from actors.adapters.tantivy_faiss.queries import Queries
from actors.adapters.tantivy_faiss.segments import (
    MAX_SEGMENT_ROWS,
    build_segments,
    remove_unlisted,
    write_manifest,
)
from actors.adapters.tantivy_faiss.viewing import View, Viewer, vector_pages

MIN_ROWS = 1_024
"""Fewer fresh vectors are compared one by one as fast as through a graph."""

MAX_DEAD_SHARE = 0.25


class Fold(NamedTuple):
    """Keep the first ``kept`` graphs and put everything later into new ones.

    The first of these begins with what the graph at ``kept`` has, if that is extended.
    """

    kept: int
    extends: bool


def plan(segment_rows: Sequence[int], fresh_rows: int, living_rows: int) -> Fold | None:
    """What to fold, if anything.

    Args:
        segment_rows: Vectors in each graph, oldest first, the dead ones included.
        fresh_rows: Vectors in none.
        living_rows: Chunks that the index holds.

    A vector goes into a graph once. All graphs are built anew when too much in them is dead.
    """
    all_rows = sum(segment_rows) + fresh_rows
    if all_rows - living_rows > max(MIN_ROWS, MAX_DEAD_SHARE * all_rows):
        return Fold(0, extends=False)
    if fresh_rows < MIN_ROWS:
        return None
    last = len(segment_rows) - 1
    if segment_rows and segment_rows[last] + fresh_rows <= MAX_SEGMENT_ROWS:
        return Fold(last, extends=True)
    return Fold(len(segment_rows), extends=False)


class Folder:
    """Puts fresh vectors into graphs, from the documents. For the process that writes."""

    def __init__(
        self, directory: Path, viewer: Viewer, queries: Queries, *, dimension: int
    ) -> None:
        self._directory = directory
        self._viewer = viewer
        self._queries = queries
        self._dimension = dimension
        self._folding = threading.Lock()

    def fold(self) -> None:
        """Documents of a range of numbers only ever vanish, so that what is written meanwhile
        does no harm. What fails leaves the graphs that were published, and nothing beside them.
        """
        with self._folding:
            self._viewer.follow()
            view = self._viewer.current()
            try:
                if self._fold(view):
                    self._viewer.fall_behind()
            except BaseException:
                remove_unlisted(self._directory)
                raise

    def _fold(self, view: View) -> bool:
        files = [one.file for one in view.vectors.segments]
        fold = plan(
            [one.rows for one in files],
            fresh_rows=len(view.vectors.fresh_numbers),
            living_rows=int(view.searcher.num_docs),
        )
        if fold is None:
            return False
        kept = files[: fold.kept]
        onto = files[fold.kept] if fold.extends else None
        last = onto or (kept[-1] if kept else None)
        fresh = vector_pages(view.searcher, self._queries, after=last.last if last else -1)
        built = build_segments(self._directory, self._dimension, fresh, onto=onto)
        write_manifest(self._directory, [*kept, *built])
        return True
