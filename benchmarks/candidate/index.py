"""The search index of the embedded profile: tantivy for words, faiss for vectors, in process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import structlog
import tantivy

from actors.adapters.lancedb.errors import translated
from actors.adapters.lancedb.row_cache import Row, RowCache
from actors.adapters.lancedb.rows import candidate_of, to_match
from benchmarks.candidate.documents import (
    NUMBER,
    Hits,
    Queries,
    chunk_id_of,
    row_of,
    vector_of,
)
from benchmarks.candidate.folding import plan
from benchmarks.candidate.opening import open_directory
from benchmarks.candidate.vectors import (
    Matrix,
    Numbers,
    Segment,
    Vectors,
    build_segments,
    open_segment,
    read_manifest,
    write_manifest,
)
from benchmarks.candidate.writing import Writer
from domain.errors import DimensionMismatchError
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import KeptChunk, Match, SearchFilter

ROW_CACHE_BYTES = 96 * 1024 * 1024
READ_AHEAD_ROWS = 60_000
"""About as many as the cache holds."""

PAGE = 1_000
CATCH_UP = 500
"""Documents read at a time, so that queries get their turn."""

EXACT_COST = 3
"""Comparing a chosen vector costs about as much as this many that a graph visits (measured)."""

MANIFEST_TRIES = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """One moment of the index, which searches see whole."""

    searcher: tantivy.Searcher
    vectors: Vectors


class LocalSearchIndex:
    """Fulfils ``SearchIndex``. One process writes, any number of processes read.

    Truth is the full-text index, vectors included: every write is one durable commit of it, and a
    process killed in the middle leaves the commit before. Graphs over the vectors are made from
    it by ``optimize``, and are published whole or not at all.
    """

    def __init__(self, directory: Path, index: tantivy.Index, *, dimension: int) -> None:
        self._directory = directory
        self._dimension = dimension
        self._index = index
        self._queries = Queries(index.schema)
        self._writer = Writer(index, self._queries)
        self._rows = RowCache(max_bytes=ROW_CACHE_BYTES)
        self._view = View(index.searcher(), Vectors.none(dimension))
        self._is_behind = True
        self._following = threading.Lock()
        self._seen: int | None = None
        self._read_ahead: int | None = None

    @classmethod
    async def open(cls, directory: Path, *, dimension: int) -> Self:
        """Open the index in ``directory``, creating it when it is not there.

        Raises:
            DimensionMismatchError: the index holds vectors of another length.
            IndexUnavailableError: with the fix.
        """
        with translated(directory, "open"):
            index = await asyncio.to_thread(open_directory, directory, dimension=dimension)
            opened = cls(directory, index, dimension=dimension)
            await opened.refresh()
        return opened

    @property
    def dimension(self) -> int:
        return self._dimension

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        for embedded in chunks:
            self._check(embedded.embedding, "an embedding", chunk_id=str(embedded.chunk.chunk_id))
        unique = {embedded.chunk.chunk_id: embedded for embedded in chunks}
        if unique:
            await self._write(lambda: self._writer.upsert(list(unique.values())))

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        if chunk_ids:
            await self._write(lambda: self._writer.delete(chunk_ids))

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        if record_ids:
            await self._write(lambda: self._writer.reassign(record_ids, file_id))

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        self._check(embedding, "the query's embedding")
        with translated(self._directory, "search"):
            view = await self._current()
            only = self._queries.filter(where)
            near = _nearest(view, embedding, limit, only, self._queries)
            rows = self._rows_of(view, [number for number, _ in near])
            return [to_match(rows[number], cosine) for number, cosine in near]

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        with translated(self._directory, "search"):
            query = self._queries.words(text, where)
            if query is None:
                return []
            view = await self._current()
            hits = view.searcher.search(query, limit, count=False).hits
            rows = self._read(view, hits)
            numbers = _numbers(view, hits)
            scored = zip(numbers, (score for score, _ in hits), strict=True)
            return [to_match(rows[number], score) for number, score in scored]

    async def count(self) -> int:
        with translated(self._directory, "read"):
            return int((await self._current()).searcher.num_docs)

    async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        with translated(self._directory, "read"):
            view = await self._current()
            for page in self._pages(view, after=-1):
                yield [ChunkId(chunk_id_of(view.searcher.doc(at))) for _, at in page]
                await asyncio.sleep(0)

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        with translated(self._directory, "read"):
            view = await self._current()
            query = self._queries.chunks(set(chunk_ids))
            hits = view.searcher.search(query, max(1, len(chunk_ids)), count=False).hits
            documents = [view.searcher.doc(at) for _, at in hits]
            return [KeptChunk(candidate_of(row_of(one), 0.0), vector_of(one)) for one in documents]

    async def optimize(self) -> None:
        """Fold fresh vectors into graphs; writes go on meanwhile."""
        with translated(self._directory, "optimize"):
            await asyncio.to_thread(self._fold)
            self._is_behind = True

    async def segment_rows(self) -> list[int]:
        """How many vectors each graph holds."""
        return [one.rows for one in read_manifest(self._directory)]

    async def refresh(self) -> None:
        with translated(self._directory, "read"):
            await asyncio.to_thread(self._follow)

    async def read_ahead(self) -> None:
        """Read the newest rows, once for each state that stays for a while.

        An index that is being written to is read ahead when two calls see one state.
        """
        with translated(self._directory, "read"):
            view = await self._current()
            newest, is_settled = view.vectors.newest, self._seen in (None, view.vectors.newest)
            self._seen = newest
            if not is_settled or newest == self._read_ahead:
                return
            order = tantivy.Order.Desc
            hits = view.searcher.search(
                self._queries.everything,
                READ_AHEAD_ROWS,
                order_by_field=NUMBER,
                order=order,
                count=False,
            ).hits
            for start in range(0, len(hits), CATCH_UP):
                self._read(view, hits[start : start + CATCH_UP])
                await asyncio.sleep(0)
        self._read_ahead = newest

    @property
    def rows_at_hand(self) -> int:
        """How many rows a search need not read."""
        return len(self._rows)

    async def ping(self) -> None:
        await self.count()

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)

    def _check(self, embedding: Embedding, what: str, **context: str) -> None:
        if embedding.shape != (self._dimension,):
            raise DimensionMismatchError(
                f"{what} has shape {embedding.shape}, the search index needs ({self._dimension},)",
                **context,
            )

    async def _write(self, write: Callable[[], None]) -> None:
        with translated(self._directory, "write to"):
            await asyncio.to_thread(write)
        self._is_behind = True

    async def _current(self) -> View:
        """What this object has written is seen at once."""
        if self._is_behind:
            await asyncio.to_thread(self._follow)
        return self._view

    def _fold(self) -> None:
        """Put vectors into graphs as ``folding`` says. Documents of a range only ever vanish, so
        what is written meanwhile does no harm."""
        self._follow()
        view, files = self._view, [one.file for one in self._view.vectors.segments]
        fold = plan(
            [one.rows for one in files],
            fresh_rows=len(view.vectors.fresh_numbers),
            living_rows=int(view.searcher.num_docs),
        )
        if fold is None:
            return
        kept = files[: fold.kept]
        onto = files[fold.kept] if fold.extends else None
        last = onto or (kept[-1] if kept else None)
        pages = self._vector_pages(view, after=last.last if last else -1)
        built = build_segments(self._directory, self._dimension, pages, onto=onto)
        write_manifest(self._directory, [*kept, *built])

    def _vector_pages(self, view: View, *, after: int) -> Iterator[tuple[Numbers, Matrix]]:
        for page in self._pages(view, after=after):
            vectors = np.stack([vector_of(view.searcher.doc(at)) for _, at in page])
            yield np.array([number for number, _ in page], np.int64), vectors

    def _follow(self) -> None:
        """See the newest commit, and the graphs that are published."""
        with self._following:
            self._is_behind = False
            self._index.reload()
            searcher = self._index.searcher()
            vectors = self._with_segments(self._view.vectors)
            pages = list(self._vector_pages(View(searcher, vectors), after=vectors.newest))
            self._view = View(searcher, vectors.with_fresh(pages))

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

    def _pages(self, view: View, *, after: int) -> Iterator[Hits]:
        """All documents with greater numbers, by number."""
        while True:
            hits = view.searcher.search(
                self._queries.after(after),
                CATCH_UP,
                order_by_field=NUMBER,
                order=tantivy.Order.Asc,
                count=False,
            ).hits
            if not hits:
                return
            yield hits
            after = hits[-1][0]

    def _rows_of(self, view: View, numbers: Sequence[int]) -> dict[int, Row]:
        """What hits show of living chunks."""
        rows = self._rows.get(numbers)
        unknown = [number for number in numbers if number not in rows]
        if unknown:
            query = self._queries.numbers(unknown)
            hits = view.searcher.search(query, len(unknown), count=False).hits
            rows |= self._read(view, hits)
        return rows

    def _read(self, view: View, hits: Hits) -> dict[int, Row]:
        """What hits show, by number."""
        numbers = _numbers(view, hits)
        rows = self._rows.get(numbers)
        fresh = {
            number: row_of(view.searcher.doc(at))
            for number, (_, at) in zip(numbers, hits, strict=True)
            if number not in rows
        }
        self._rows.put(fresh)
        return rows | fresh


def _nearest(
    view: View, embedding: Embedding, limit: int, only: tantivy.Query | None, queries: Queries
) -> list[tuple[int, float]]:
    """Number and cosine of the nearest ``limit`` that live and satisfy ``only``.

    Graphs know neither filters nor deletions, so more are looked at than asked for; where few
    chunks satisfy the filter, those are compared one by one instead.
    """
    living, known = int(view.searcher.num_docs), len(view.vectors)
    if only is None and living == known:
        return view.vectors.search(embedding, min(limit, known)).pairs()
    matching = living if only is None else _count(view.searcher, only)
    wanted = min(limit, matching)
    count = min(known, _with_reserve(limit * known / matching)) if matching else 0
    while count:
        if only is not None and matching * EXACT_COST <= count:
            hits = view.searcher.search(only, matching, count=False).hits
            near = view.vectors.among(np.array(_numbers(view, hits), np.int64), embedding)
            return near.pairs()[:limit]
        near = view.vectors.search(embedding, count)
        query = queries.numbers(near.numbers.tolist())
        query = query if only is None else queries.both(query, only)
        hits = view.searcher.search(query, max(1, len(near.numbers)), count=False).hits
        alive = set(_numbers(view, hits))
        found = [pair for pair in near.pairs() if pair[0] in alive][:limit]
        if len(found) >= wanted or count >= known:
            return found
        count = min(known, 4 * count)
    return []


def _count(searcher: tantivy.Searcher, query: tantivy.Query) -> int:
    found: Any = searcher.search(query, 1, count=True)
    return int(found.count)


def _with_reserve(count: float) -> int:
    return int(1.2 * count) + 8


def _numbers(view: View, hits: Hits) -> list[int]:
    if not hits:
        return []
    values = view.searcher.fast_field_values(NUMBER, [at for _, at in hits])
    return cast("list[int]", values)
