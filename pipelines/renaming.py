"""Records follow names: what shows another name by now is rendered, embedded and written anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from domain.chunking import ChunkLimits, chunk_record
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import ChunkId, FileId, RecordId, derive_chunk_id
from domain.models.records import Record, Rendering
from domain.ports.metadata_store import Names
from domain.ports.search_index import IndexWriter

log = structlog.get_logger(__name__)

Embed = Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Renamer:
    """Carries changed names into the records that show them, page by page.

    Safe to run twice, beside itself and beside imports, and to be killed anywhere: a record is
    locked while the index is given its text, and what was begun is taken up by the next run.
    """

    names: Names
    index: IndexWriter
    embed: Embed
    model: str
    limits: ChunkLimits

    async def run(self, file_id: FileId) -> None:
        """Follow the names that the file's import or deletion has changed.

        Raises:
            RetryableError: a store gave no answer; run again.
        """
        renamed = 0
        async for record_ids in self.names.stale(file_id):
            renamed += await self._show(file_id, record_ids)
        if renamed:
            log.info("records_renamed", file_id=str(file_id), count=renamed)

    async def _show(self, file_id: FileId, record_ids: Sequence[RecordId]) -> int:
        renderings = await self.names.render(file_id, record_ids)
        chunks = [self._chunks(one.record) for one in renderings]
        embedded = await self._embedded(renderings, chunks)
        counts = [len(own) for own in chunks]
        async with self.names.showing(renderings, counts, model=self.model) as current:
            fresh = [one for one in embedded if one.chunk.record.record_id in current]
            if fresh:
                await self.index.upsert(fresh)
            stale = [
                chunk_id
                for one, count in zip(renderings, counts, strict=True)
                if one.record.record_id in current
                for chunk_id in self._stale_chunks(one, count)
            ]
            if stale:
                await self.index.delete(stale)
        return len(current)

    async def _embedded(
        self, renderings: Sequence[Rendering], chunks: Sequence[Sequence[Chunk]]
    ) -> list[EmbeddedChunk]:
        texts = [chunk.embedding_text for own in chunks for chunk in own]
        vectors = iter(await self.embed(texts)) if texts else iter(())
        return [
            EmbeddedChunk(chunk, rendering.file_id, next(vectors))
            for rendering, own in zip(renderings, chunks, strict=True)
            for chunk in own
        ]

    def _chunks(self, record: Record) -> list[Chunk]:
        """None of a message: its passage has it."""
        if record.group is not None:
            return []
        return chunk_record(record, model=self.model, limits=self.limits)

    def _stale_chunks(self, rendering: Rendering, count: int) -> list[ChunkId]:
        record_id = rendering.record.record_id
        positions = range(count, rendering.previous_chunk_count)
        return [derive_chunk_id(record_id, position, self.model) for position in positions]
