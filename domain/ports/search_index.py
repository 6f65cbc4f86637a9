"""Embedded chunks, found by meaning and by words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import KeptChunk, Match, SearchFilter


class IndexWriter(Protocol):
    """The writing side of an index. Every method may raise ``IndexUnavailableError``.

    What a method returned from is durable.
    """

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """Insert chunks, replacing those with the same ``chunk_id``; a repeat changes nothing.

        Raises:
            DimensionMismatchError: an embedding has another length; nothing was written.
        """
        ...

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        """Remove chunks; absent ones are no error."""
        ...

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        """Let the records' chunks name another file as their supplier."""
        ...

    async def optimize(self) -> None:
        """Fold fresh chunks into the search structures; answers stay the same, only faster."""
        ...


class SearchIndex(IndexWriter, Protocol):
    """Stores embedded chunks and finds the best; the chunks hold all that a hit shows.

    Writes are seen by the searches of the same object at once and of other objects after
    ``refresh``. Every method may raise ``IndexUnavailableError``: safe to retry.
    """

    @property
    def dimension(self) -> int: ...

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        """The nearest chunks that satisfy ``where``, best first; score = cosine similarity.

        Equal scores are in no particular order (``best_first`` puts them into one).

        ``text`` is what was embedded, for an index that embeds by itself.

        A match can be read at any later time; reading costs no search.
        """
        ...

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        """The best chunks by BM25 over title (counted twice) and text that satisfy ``where``.

        Best first, equal scores in no particular order. Any text is a bag of words, never a query
        language; words are OR-ed and stemmed (English). Of scripts that put no spaces between
        words, pairs of characters are (``domain.words``).
        """
        ...

    async def score_keyword(self, text: str, matches: Sequence[Match]) -> list[Match]:
        """Some hundred matches of ``search_vector`` with the scores that their words have for
        ``search_keyword``, in no order; without those that have none, or are gone meanwhile.
        """
        ...

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        """The chunks that satisfy ``where``, newest first, those without a time last.

        The score is the time in seconds since 1970, or 0. Equal times are in order of chunk id.
        """
        ...

    async def count(self) -> int:
        """How many chunks are stored."""
        ...

    def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        """Every stored chunk's id, in pages, in no order; a duplicate row appears twice."""
        ...

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        """The stored chunks of these ids with their vectors, in no order; absent ones left out.

        How chunks leave an index: by ids that the metadata store derives, a page of up to a few
        thousand at a time, so that an adapter needs no cursor and no stable order. Each carries
        what a hit of it shows (score 0) and its vector as it was given to ``upsert``, but for
        rounding; a chunk whose vector the index's server has made itself is left out. Writes of
        others are seen after ``refresh``.
        """
        ...

    async def refresh(self) -> None:
        """See what others have written."""
        ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
