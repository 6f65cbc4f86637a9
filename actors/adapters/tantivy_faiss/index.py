"""The search index of the embedded profile: tantivy for words, FAISS for vectors, in process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import tantivy

from actors.adapters.tantivy_faiss.documents import chunk_id_of, row_of, vector_of
from actors.adapters.tantivy_faiss.errors import translated
from actors.adapters.tantivy_faiss.folding import Folder
from actors.adapters.tantivy_faiss.opening import open_directory
from actors.adapters.tantivy_faiss.queries import LOOKED_UP_SINGLY, Queries
from actors.adapters.tantivy_faiss.row_cache import RowCache
from actors.adapters.tantivy_faiss.rows import candidate_of
from actors.adapters.tantivy_faiss.searching import Search
from actors.adapters.tantivy_faiss.segments import read_manifest
from actors.adapters.tantivy_faiss.viewing import Viewer, pages
from actors.adapters.tantivy_faiss.writing import Writer
from domain.errors import DimensionMismatchError
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import KeptChunk, Match, SearchFilter

ROW_CACHE_BYTES = 24 * 1024 * 1024
"""For some ten thousand chunks that are in no graph yet."""

SEARCH_THREADS = max(2, min(4, os.cpu_count() or 1))
"""Searches release the interpreter for most of their time. More threads than cores only take turns
at it, five milliseconds each: sixteen clients on two cores got half as many answers from six."""

SEARCHED_AT_ONCE = 200_000
"""Chunks that a search without filters gets through in about two milliseconds. A thread's turn at
the interpreter is waited for longer, once others ask, too: sixteen clients got a tenth more answers
without. Everything that may take longer is a thread's work."""

SHORT_CHARS = 200

PAGE = 5_000


class TantivySearchIndex:
    """Fulfils ``SearchIndex``. One process writes, any number of processes read.

    Truth is the full-text index, vectors included: every write is one durable commit of it, and a
    process killed in the middle leaves the commit before. Graphs over the vectors are made from
    it by ``optimize``, and are published whole or not at all. Work is done in threads.
    """

    def __init__(self, directory: Path, index: tantivy.Index, *, dimension: int) -> None:
        self._directory = directory
        self._dimension = dimension
        self._queries = Queries(index.schema)
        self._writer = Writer(directory, index, self._queries)
        self._viewer = Viewer(directory, index, self._queries, dimension=dimension)
        self._folder = Folder(directory, self._viewer, self._queries, dimension=dimension)
        self._rows = RowCache(max_bytes=ROW_CACHE_BYTES)
        self._threads = ThreadPoolExecutor(SEARCH_THREADS, thread_name_prefix="index_search")

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
        return await self._search(where, lambda search: search.by_vector(embedding, limit))

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        is_short = len(text) <= SHORT_CHARS
        return await self._search(where, lambda search: search.by_words(text, limit), is_short)

    async def score_keyword(self, text: str, matches: Sequence[Match]) -> list[Match]:
        is_short = len(text) <= SHORT_CHARS and len(matches) <= LOOKED_UP_SINGLY
        return await self._search(
            SearchFilter(), lambda search: search.scored_by_words(text, matches), is_short
        )

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        return await self._search(where, lambda search: search.by_time(limit), is_short=False)

    async def count(self) -> int:
        with translated(self._directory, "read"):
            return int((await asyncio.to_thread(self._viewer.current)).searcher.num_docs)

    async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        with translated(self._directory, "read"):
            searcher = (await asyncio.to_thread(self._viewer.current)).searcher
            found = pages(searcher, self._queries, size=PAGE)

            def following() -> list[ChunkId]:
                return [chunk_id_of(searcher.doc(at)) for _, at in next(found, ())]

            while page := await asyncio.to_thread(following):
                yield page

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        with translated(self._directory, "read"):
            return await asyncio.to_thread(self._fetch, set(chunk_ids)) if chunk_ids else []

    async def optimize(self) -> None:
        """Fold fresh vectors into graphs; writes go on meanwhile."""
        with translated(self._directory, "optimize"):
            await asyncio.to_thread(self._folder.fold)

    async def segment_rows(self) -> list[int]:
        """How many vectors each graph holds."""
        return [one.rows for one in read_manifest(self._directory)]

    async def refresh(self) -> None:
        with translated(self._directory, "read"):
            await asyncio.to_thread(self._viewer.follow)

    async def ping(self) -> None:
        await self.refresh()

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._threads.shutdown)

    def _check(self, embedding: Embedding, what: str, **context: str) -> None:
        if embedding.shape != (self._dimension,):
            raise DimensionMismatchError(
                f"{what} has shape {embedding.shape}, the search index needs ({self._dimension},)",
                **context,
            )

    async def _write(self, write: Callable[[], None]) -> None:
        with translated(self._directory, "write to"):
            try:
                await asyncio.to_thread(write)
            finally:
                self._viewer.fall_behind()

    async def _search(
        self, where: SearchFilter, find: Callable[[Search], list[Match]], is_short: bool = True
    ) -> list[Match]:
        """At once where it ``is_short`` among few chunks, else in a thread."""

        def run() -> list[Match]:
            return find(Search(self._viewer.current(), self._queries, self._rows, where))

        with translated(self._directory, "search"):
            if is_short and self._are_few and where == SearchFilter():
                return run()
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    @property
    def _are_few(self) -> bool:
        """And nothing new has to be read before a search."""
        view = self._viewer.at_hand
        return view is not None and view.searcher.num_docs <= SEARCHED_AT_ONCE

    def _fetch(self, chunk_ids: set[ChunkId]) -> list[KeptChunk]:
        searcher = self._viewer.current().searcher
        query = self._queries.chunks(chunk_ids)
        hits = searcher.search(query, len(chunk_ids), count=False).hits
        documents = [searcher.doc(at) for _, at in hits]
        return [KeptChunk(candidate_of(row_of(one), 0.0), vector_of(one)) for one in documents]
