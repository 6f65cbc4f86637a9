"""Stored records as embedded chunks, for whoever writes to an index what is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.chunking import ChunkLimits, chunk_record
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import ChunkId, derive_chunk_id
from domain.models.indexes import Holding, OutdatedRecord
from domain.models.records import IndexedRecord
from domain.ports.embedder import Embedder
from pipelines.slice_import import has_chunks


@dataclass(frozen=True, slots=True)
class EmbeddedRecord:
    """A stored record and its chunks as an index is to hold them; one with a group has none."""

    outdated: OutdatedRecord
    chunks: Sequence[EmbeddedChunk]

    def surplus_chunk_ids(self, model: str) -> list[ChunkId]:
        """Chunks that the index may hold and the record no longer has."""
        positions = range(len(self.chunks), self.outdated.known_chunks)
        record_id = self.outdated.stored.record_id
        return [derive_chunk_id(record_id, position, model) for position in positions]

    def indexed(self) -> IndexedRecord:
        """For a record whose fingerprint is the hash of its content."""
        record_id, fingerprint = self.outdated.stored.record_id, self.outdated.fingerprint
        return IndexedRecord(record_id, fingerprint, len(self.chunks))

    def holding(self) -> Holding:
        stored = self.outdated.stored
        return Holding(stored.record_id, self.outdated.fingerprint, len(self.chunks))


def embed_records(
    page: Sequence[OutdatedRecord], embedder: Embedder, limits: ChunkLimits
) -> list[EmbeddedRecord]:
    """Cut the records into chunks and embed these in one call. Blocking."""
    cut = [
        chunk_record(one.stored.record, model=embedder.model, limits=limits)
        if has_chunks(one.stored.record)
        else []
        for one in page
    ]
    texts = [chunk.embedding_text for chunks in cut for chunk in chunks]
    vectors = iter(embedder.embed(texts) if texts else ())
    return [
        EmbeddedRecord(
            one, [EmbeddedChunk(chunk, one.stored.file_id, next(vectors)) for chunk in chunks]
        )
        for one, chunks in zip(page, cut, strict=True)
    ]
