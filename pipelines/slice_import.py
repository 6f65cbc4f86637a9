"""One slice of a file: parse, stage, chunk, embed, index, confirm, and only then the ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from domain.chunking import ChunkLimits, chunk_record
from domain.errors import UnreadableFileError
from domain.ledger import Ledger, Outcome, ledger_of
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.files import Claim, Slice
from domain.models.ids import ChunkId, FileId, derive_chunk_id
from domain.models.records import (
    ContentType,
    IndexedRecord,
    ParsedItem,
    Record,
    RejectedItem,
    StagedRecord,
)
from domain.passages import PassageLimits
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.search_index import IndexWriter
from pipelines.batches import ParsedBatch, batched
from pipelines.grouping import PassageWriter
from pipelines.renaming import Renamer

BATCHES_IN_FLIGHT = 2
"""One batch is embedded while the one before is written and the one after is parsed."""


GROUPED_SHARE = 0.9
"""Of the work that a record in a group makes, what its passages take."""


@dataclass(slots=True)
class SliceTally:
    """What became of a slice's items so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedItem] = field(default_factory=list)

    def add(self, batch: ParsedBatch, staged: Sequence[StagedRecord]) -> None:
        """``staged`` is what became of ``batch.to_stage``; tombstones count as drops only."""
        self.outcomes += [entry.outcome for entry in staged[: len(batch.records)]]
        self.dropped += batch.dropped
        self.rejected += batch.rejected

    def ledger(self) -> Ledger:
        return ledger_of(self.outcomes, dropped=self.dropped, failed=len(self.rejected))


@dataclass(frozen=True, slots=True)
class RecordChunks:
    """A record that the index must hold anew, cut into chunks."""

    staged: StagedRecord
    chunks: Sequence[Chunk]

    def stale_chunk_ids(self, model: str) -> list[ChunkId]:
        """Chunks of the record's earlier content that the present one no longer has."""
        record_id = self.staged.record.record_id
        positions = range(len(self.chunks), self.staged.previous_chunk_count)
        return [derive_chunk_id(record_id, position, model) for position in positions]

    def indexed(self) -> IndexedRecord:
        record = self.staged.record
        return IndexedRecord(record.record_id, record.content_hash(), len(self.chunks))


def chunk_staged(
    staged: Sequence[StagedRecord], *, model: str, limits: ChunkLimits
) -> list[RecordChunks]:
    """Cut every record that needs embedding; one with a group is found by its passages alone,
    and a tombstone not at all."""
    return [
        RecordChunks(
            entry,
            chunk_record(entry.record, model=model, limits=limits)
            if has_chunks(entry.record)
            else (),
        )
        for entry in staged
        if entry.needs_embedding
    ]


def has_chunks(record: Record) -> bool:
    """Whether the record is found by chunks of its own."""
    return record.group is None and record.content_type is not ContentType.TOMBSTONE


def embed_chunks(
    work: Sequence[RecordChunks], claim: Claim, embedder: Embedder
) -> list[EmbeddedChunk]:
    """Embed all chunks of ``work`` in one call. Blocking."""
    chunks = [chunk for entry in work for chunk in entry.chunks]
    if not chunks:
        return []
    vectors = embedder.embed([chunk.embedding_text for chunk in chunks])
    return [
        EmbeddedChunk(chunk, claim.file_id, vector)
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


class SliceImporter:
    """Carries slices into the stores. Running a slice again, or twice at once, does no harm."""

    def __init__(
        self,
        metadata: MetadataStore,
        index: IndexWriter,
        embedder: Embedder,
        *,
        limits: ChunkLimits,
        batch_records: int,
    ) -> None:
        self._metadata = metadata
        self._index = index
        self._embedder = embedder
        self._limits = limits
        self._batch_records = batch_records
        self._embedding = asyncio.Lock()
        self.passages = PassageWriter(
            metadata,
            index,
            embedder,
            limits=PassageLimits.within(limits),
            embedding=self._embedding,
        )

    async def run(
        self, claim: Claim, part: Slice, items: Iterator[ParsedItem], *, parser: str
    ) -> Ledger:
        """Import what ``items`` yields of ``part`` and complete the slice.

        Raises:
            LeaseLostError: somebody else has the file; stop.
            RetryableError: a store gave no answer; run the slice again.
            UnreadableFileError: the parser cannot go on.
        """
        tally = SliceTally()
        shown = _Progress(self._metadata, claim, part)
        in_flight: set[asyncio.Task[None]] = set()
        try:
            async for batch in batched(items, records=self._batch_records):
                staged = await self._stage(claim, part, batch, parser)
                tally.add(batch, staged)
                in_flight = await self._make_room(in_flight)
                in_flight.add(asyncio.create_task(self._index_batch(claim, staged)))
                await shown.staged(batch)
            await asyncio.gather(*in_flight)
            await self.passages.run(claim.file_id, on_groups=shown.grouped)
        except UnreadableFileError:
            # What came before is good; let the index have it all the same.
            await asyncio.gather(*in_flight)
            await self.passages.run(claim.file_id)
            raise
        finally:
            await _end(in_flight)
        ledger = tally.ledger()
        await self._metadata.slices.complete(claim, part.number, ledger, tally.rejected)
        return ledger

    async def show_names(self, file_id: FileId) -> None:
        """Let all records follow the names that the file has brought or taken away.

        Raises:
            RetryableError: a store gave no answer; call again.
        """
        renamer = Renamer(
            self._metadata.names,
            self._index,
            self._embed,
            model=self._embedder.model,
            limits=self._limits,
        )
        await renamer.run(file_id)

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        async with self._embedding:
            return await asyncio.to_thread(self._embedder.embed, texts)

    async def _make_room(self, in_flight: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
        while len(in_flight) >= BATCHES_IN_FLIGHT:
            done, in_flight = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        return in_flight

    async def _stage(
        self, claim: Claim, part: Slice, batch: ParsedBatch, parser: str
    ) -> Sequence[StagedRecord]:
        to_stage = batch.to_stage
        if not to_stage:
            return ()
        return await self._metadata.records.stage(
            claim, part.number, to_stage, parser=parser, model=self._embedder.model
        )

    async def _index_batch(self, claim: Claim, staged: Sequence[StagedRecord]) -> None:
        model = self._embedder.model
        work = chunk_staged(staged, model=model, limits=self._limits)
        if not work:
            return
        async with self._embedding:
            embedded = await asyncio.to_thread(embed_chunks, work, claim, self._embedder)
        await write_batch(claim, work, embedded, model=model, to=(self._index, self._metadata))


@dataclass(slots=True)
class _Progress:
    """How far a slice is. What has passages counts as little until these are written."""

    metadata: MetadataStore
    claim: Claim
    part: Slice
    records_done: float = 0.0
    bytes_done: float = 0.0
    records_left: float = 0.0
    bytes_left: float = 0.0

    async def staged(self, batch: ParsedBatch) -> None:
        grouped = sum(record.group is not None for record in batch.records)
        left = GROUPED_SHARE * grouped / max(1, len(batch.records))
        self.records_done += len(batch.records) - GROUPED_SHARE * grouped
        self.records_left += GROUPED_SHARE * grouped
        self.bytes_done += batch.bytes_read * (1 - left)
        self.bytes_left += batch.bytes_read * left
        await self._show(0.0)

    async def grouped(self, done: int, total: int) -> None:
        await self._show(done / total)

    async def _show(self, share: float) -> None:
        await self.metadata.slices.progress(
            self.claim,
            self.part.number,
            records_done=round(self.records_done + share * self.records_left),
            bytes_done=round(self.bytes_done + share * self.bytes_left),
        )


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel what still runs and wait until it has ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def write_batch(
    claim: Claim,
    work: Sequence[RecordChunks],
    embedded: Sequence[EmbeddedChunk],
    *,
    model: str,
    to: tuple[IndexWriter, MetadataStore],
) -> None:
    """Write embedded records to the index, remove their stale chunks, confirm them: in that order.

    Dying anywhere in between leaves them unconfirmed, so that the next run writes them again. They
    are locked meanwhile, and what another import has changed since they were staged is left to it:
    its chunks have the same ids.
    """
    index, metadata = to
    indexed = [entry.indexed() for entry in work]
    async with metadata.records.confirming(claim, indexed, model=model) as current:
        chunks = [one for one in embedded if one.chunk.record.record_id in current]
        if chunks:
            await index.upsert(chunks)
        stale = [
            chunk_id
            for entry in work
            if entry.staged.record.record_id in current
            for chunk_id in entry.stale_chunk_ids(model)
        ]
        if stale:
            await index.delete(stale)
