"""What a process sees of the index: one moment of it, which is followed by newer ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import structlog
import tantivy

from actors.adapters.tantivy_faiss.documents import NUMBER, Hits, packed_row_of, vector_of
from actors.adapters.tantivy_faiss.queries import Queries, Query
from actors.adapters.tantivy_faiss.segments import (
    MANIFEST,
    Page,
    Segment,
    open_segment,
    read_manifest,
)
from actors.adapters.tantivy_faiss.vectors import Vectors

CATCH_UP = 500
"""Documents read at a time, so that queries get their turn."""

MANIFEST_TRIES = 5
COMMIT = "meta.json"
"""Where tantivy writes what a commit consists of."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """One moment of the index, which searches see whole."""

    searcher: tantivy.Searcher
    vectors: Vectors


class _Stamp(NamedTuple):
    """Which commit and which graphs are published: files that are replaced, never rewritten."""

    commit: tuple[int, int]
    graphs: tuple[int, int] | None


class Viewer:
    """Holds the present view. For several threads."""

    def __init__(
        self, directory: Path, index: tantivy.Index, queries: Queries, *, dimension: int
    ) -> None:
        self._directory = directory
        self._index = index
        self._queries = queries
        self._view = View(index.searcher(), Vectors.none(dimension))
        self._seen: _Stamp | None = None
        self._is_behind = True
        self._following = threading.Lock()

    def fall_behind(self) -> None:
        """To be called after every write of this process."""
        self._is_behind = True

    @property
    def at_hand(self) -> View | None:
        """``current``, unless that is to be read first."""
        return None if self._is_behind else self._view

    def current(self) -> View:
        """What this process has written is seen at once."""
        if self._is_behind:
            self.follow()
        return self._view

    def follow(self) -> None:
        """See the newest commit, and the graphs that are published.

        Raises ``OSError`` or ``ValueError`` where the index cannot be read.
        """
        with self._following:
            stamp = self._stamp()
            self._is_behind = False
            if stamp == self._seen:
                return
            try:
                self._view = self._newer()
            except BaseException:
                self._is_behind = True
                raise
            self._seen = stamp

    def _stamp(self) -> _Stamp:
        graphs = self._directory / MANIFEST
        return _Stamp(_mark(self._directory / COMMIT), _mark(graphs) if graphs.exists() else None)

    def _newer(self) -> View:
        # Graphs first: whatever lives in the commit read after them is in them, or has a greater
        # number. So where as many live as have vectors, they are the same.
        vectors = self._with_segments(self._view.vectors)
        self._index.reload()
        searcher = self._index.searcher()
        found = vector_pages(searcher, self._queries, after=vectors.newest)
        return View(searcher, vectors.with_fresh([(one.numbers, one.vectors) for one in found]))

    def _with_segments(self, vectors: Vectors) -> Vectors:
        """With the published graphs; those that are open stay open.

        A graph that cannot be read is made up for from the documents, as are all after it.
        """
        for tries_left in reversed(range(MANIFEST_TRIES)):
            files = read_manifest(self._directory)
            known = {one.file: one for one in vectors.segments}
            segments: list[Segment] = []
            for file in files:
                try:
                    segments.append(known.get(file) or open_segment(self._directory, file))
                except (OSError, RuntimeError) as error:
                    # Or the writer has published others since, and removed this one.
                    if not tries_left:
                        log.warning("graph_unreadable", graph=file.name, error=str(error))
                    break
            if len(segments) == len(files) or not tries_left:
                break
        if [one.file for one in segments] == list(known):
            return vectors
        return vectors.with_segments(tuple(segments))


def pages(
    searcher: tantivy.Searcher,
    queries: Queries,
    *,
    only: Query | None = None,
    after: int = -1,
    size: int = CATCH_UP,
) -> Iterator[Hits]:
    """All documents with greater numbers that satisfy ``only``: number and place, ascending."""
    while True:
        hits = searcher.search(
            queries.both(queries.after(after), only),
            size,
            order_by_field=NUMBER,
            order=tantivy.Order.Asc,
            count=False,
        ).hits
        if hits:
            yield hits
        if len(hits) < size:
            return
        after = hits[-1][0]


def vector_pages(searcher: tantivy.Searcher, queries: Queries, *, after: int) -> Iterator[Page]:
    """The vectors of all documents with greater numbers, and their rows."""
    for page in pages(searcher, queries, after=after):
        documents = [searcher.doc(at) for _, at in page]
        yield Page(
            np.array([number for number, _ in page], np.int64),
            np.stack([vector_of(document) for document in documents]),
            [packed_row_of(document) for document in documents],
        )


def _mark(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns
