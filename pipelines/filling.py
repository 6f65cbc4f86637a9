"""Fills an empty index from the records, with vectors that are known already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.chunking import ChunkLimits
from domain.errors import ConflictError
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import ChunkId
from domain.models.moving import KeptVector, digest_of
from domain.ports.embedder import Embedder
from domain.ports.indexed_content import IndexedContent
from domain.ports.search_index import IndexWriter, SearchIndex
from pipelines.chunk_pages import ChunkPage, OwnedChunk, PageMark, PageSizes, chunk_pages

PAGES_BEFORE_OPTIMIZE = 50
"""Each page is a commit, and every later one has to visit what the commits before it have left."""


class VectorSource(Protocol):
    """Where vectors are known."""

    async def vectors(self, page: ChunkPage) -> Mapping[ChunkId, KeptVector]:
        """The vectors of the page's chunks, as far as they are known."""
        ...


class IndexVectors:
    """The vectors that another index keeps."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def vectors(self, page: ChunkPage) -> Mapping[ChunkId, KeptVector]:
        await self._index.refresh()
        kept = await self._index.fetch([one.chunk.chunk_id for one in page.chunks])
        return {one.shown.chunk_id: KeptVector.of(one) for one in kept}


@dataclass(frozen=True, slots=True)
class Filled:
    """How many chunks were written, and how many of them had to be embedded."""

    chunks: int = 0
    embedded: int = 0

    def plus(self, other: Filled) -> Filled:
        return Filled(self.chunks + other.chunks, self.embedded + other.embedded)


class IndexFiller:
    """Writes page after page. Writing one again changes nothing."""

    def __init__(
        self,
        content: IndexedContent,
        index: IndexWriter,
        embedder: Embedder,
        vectors: VectorSource,
        *,
        limits: ChunkLimits,
        sizes: PageSizes,
    ) -> None:
        self._content = content
        self._index = index
        self._embedder = embedder
        self._vectors = vectors
        self._limits = limits
        self._sizes = sizes

    async def run(
        self,
        after: PageMark | None,
        *,
        on_page: Callable[[PageMark, Filled], Awaitable[None]],
    ) -> Filled:
        """Fill the index; ``on_page`` is called when a page is durable, with the sum so far.

        Raises:
            ConflictError: something has to be embedded by a model that is not configured.
        """
        filled = Filled()
        pages = chunk_pages(self._content, self._limits, sizes=self._sizes, after=after)
        async for page in pages:
            filled = filled.plus(await self._write(page))
            if page.mark.number % PAGES_BEFORE_OPTIMIZE == 0:
                await self._index.optimize()
            await on_page(page.mark, filled)
        await self._index.optimize()
        return filled

    async def _write(self, page: ChunkPage) -> Filled:
        known = await self._vectors.vectors(page)
        ready: list[EmbeddedChunk] = []
        unknown: list[OwnedChunk] = []
        for one in page.chunks:
            kept = matching(known, one)
            if kept is None:
                unknown.append(one)
            else:
                ready.append(_with_vector(one, kept))
        ready += await self._embedded(unknown)
        if ready:
            await self._index.upsert(ready)
        await self._content.recount(page.record_counts, page.group_counts)
        return Filled(len(ready), len(unknown))

    async def _embedded(self, unknown: Sequence[OwnedChunk]) -> list[EmbeddedChunk]:
        if not unknown:
            return []
        foreign = {one.model for one in unknown} - {self._embedder.model}
        if foreign:
            raise ConflictError(
                f"some records were embedded by {sorted(foreign)[0]}, and their vectors are not "
                f"known: the target needs that embedder, not {self._embedder.model}"
            )
        texts = [one.chunk.embedding_text for one in unknown]
        vectors: NDArray[np.float32] = await asyncio.to_thread(self._embedder.embed, texts)
        return [
            EmbeddedChunk(one.chunk, one.file_id, vector)
            for one, vector in zip(unknown, vectors, strict=True)
        ]


def matching(known: Mapping[ChunkId, KeptVector], one: OwnedChunk) -> KeptVector | None:
    """The known vector of the chunk, if it is that of the chunk's present text."""
    kept = known.get(one.chunk.chunk_id)
    is_same = kept is not None and kept.text_digest == digest_of(one.chunk.embedding_text)
    return kept if is_same else None


def _with_vector(one: OwnedChunk, kept: KeptVector) -> EmbeddedChunk:
    chunk = one.chunk
    if kept.metadata is not None:
        # First in order, so that hits show the same of it again.
        chunk = replace(chunk, metadata=kept.metadata)
    return EmbeddedChunk(chunk, one.file_id, kept.embedding)
