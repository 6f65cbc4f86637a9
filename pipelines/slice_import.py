"""One slice of a file: parse, stage, chunk, embed, index, confirm, and only then the ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

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
from pipelines.in_flight import InFlight, in_flight
from pipelines.renaming import Renamer
from pipelines.slice_progress import SliceProgress

BATCHES_IN_FLIGHT = 2
"""One batch is embedded while the one before is written and the one after is parsed."""

BATCHES_AHEAD = 4
"""Staged ahead and kept until they are embedded: a file that has no more is read once."""

STAGED_PER_EMBEDDED = 16
"""Batches of a longer file that are staged ahead for each that is embedded meanwhile."""

MAX_REJECTED_KEPT = 1_000
"""Of a slice that was staged ahead; one with more is read again."""

Read = Callable[[Slice], Iterator[ParsedItem]]
"""Reads a slice, as often as it is asked."""


@dataclass(slots=True)
class SliceTally:
    """What became of a slice's items so far."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedItem] = field(default_factory=list)

    def add(self, batch: ParsedBatch, staged: Sequence[StagedRecord]) -> None:
        """``staged`` is what became of ``batch.to_stage``; tombstones count as drops only."""
        self.outcomes.update(entry.outcome for entry in staged[: len(batch.records)])
        self.dropped += batch.dropped
        self.rejected += batch.rejected

    def ledger(self) -> Ledger:
        outcomes = self.outcomes.elements()
        return ledger_of(outcomes, dropped=self.dropped, failed=len(self.rejected))


@dataclass(frozen=True, slots=True)
class StagedSlice:
    """A slice that was staged ahead and needs to be read no more."""

    tally: SliceTally
    shown: SliceProgress


@dataclass(slots=True)
class _Ahead:
    """What was staged of a file ahead of its slices' turns, in batches."""

    writing: InFlight
    slices: dict[int, StagedSlice] = field(default_factory=dict)
    batches_staged: int = 0
    batches_embedded: int = 0

    def may_embed(self) -> bool:
        embedded = self.batches_embedded
        is_due = embedded < BATCHES_AHEAD or embedded * STAGED_PER_EMBEDDED < self.batches_staged
        return self.writing.has_room and is_due


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
        self._index_writer = index
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
        tally, shown = SliceTally(), SliceProgress(self._metadata, claim, part)
        async with in_flight(BATCHES_IN_FLIGHT, at_once=BATCHES_IN_FLIGHT) as writing:
            try:
                async for batch in batched(items, records=self._batch_records):
                    staged = await self._stage(claim, batch, parser, shown)
                    tally.add(batch, staged)
                    await writing.room()
                    writing.begin(partial(self._index_batch, claim, batch, staged, shown))
                await writing.ended()
                await self.passages.run(claim.file_id, on_groups=shown.grouped)
            except UnreadableFileError:
                # What came before is good; let the index have it all the same.
                await writing.ended()
                await self.passages.run(claim.file_id)
                raise
        return await self._complete(claim, part, tally)

    async def stage_ahead(
        self, claim: Claim, parts: Sequence[Slice], read: Read, *, parser: str
    ) -> Mapping[int, StagedSlice]:
        """Stage all of ``parts``, so that their records are found by words before their turn.

        Little is embedded meanwhile. Returns the slices, by number, that only have to be
        ``finish``ed; of the others so much is left to embed that it is not kept in memory: ``run``
        reads them again, to the same outcomes, as it does after an attempt that died.

        Raises:
            As ``run``, but what cannot be read is left for ``run`` to say.
        """
        async with in_flight(BATCHES_AHEAD, at_once=BATCHES_IN_FLIGHT) as writing:
            ahead = _Ahead(writing)
            with suppress(UnreadableFileError):
                for part in parts:
                    await self._stage_slice_ahead(claim, part, read(part), ahead, parser)
            await writing.ended()
        return ahead.slices

    async def finish(self, claim: Claim, part: Slice, staged: StagedSlice) -> Ledger:
        """Complete a slice that was staged ahead, after its passages. Raises as ``run``."""
        await self.passages.run(claim.file_id, on_groups=staged.shown.grouped)
        return await self._complete(claim, part, staged.tally)

    async def show_names(self, file_id: FileId) -> None:
        """Let all records follow the names that the file has brought or taken away.

        Raises:
            RetryableError: a store gave no answer; call again.
        """
        renamer = Renamer(
            self._metadata.names,
            self._index_writer,
            self._embed,
            model=self._embedder.model,
            limits=self._limits,
        )
        await renamer.run(file_id)

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        async with self._embedding:
            return await asyncio.to_thread(self._embedder.embed, texts)

    async def _complete(self, claim: Claim, part: Slice, tally: SliceTally) -> Ledger:
        ledger = tally.ledger()
        await self._metadata.slices.complete(claim, part.number, ledger, tally.rejected)
        return ledger

    async def _stage_slice_ahead(
        self, claim: Claim, part: Slice, items: Iterator[ParsedItem], ahead: _Ahead, parser: str
    ) -> None:
        tally, shown = SliceTally(), SliceProgress(self._metadata, claim, part)
        is_whole = True
        async for batch in batched(items, records=self._batch_records):
            staged = await self._stage(claim, batch, parser, shown)
            tally.add(batch, staged)
            ahead.batches_staged += 1
            waiting = [entry for entry in staged if not _is_quick(entry)]
            if not waiting:
                await self._index_batch(claim, batch, staged, shown)
            elif ahead.may_embed():
                ahead.batches_embedded += 1
                ahead.writing.begin(partial(self._index_batch, claim, batch, staged, shown))
            else:
                is_whole = False
                await self._index(claim, [entry for entry in staged if _is_quick(entry)])
        # What was rejected is kept until the slice is complete: not of a whole file at once.
        if is_whole and len(tally.rejected) <= MAX_REJECTED_KEPT:
            ahead.slices[part.number] = StagedSlice(tally, shown)

    async def _stage(
        self, claim: Claim, batch: ParsedBatch, parser: str, shown: SliceProgress
    ) -> Sequence[StagedRecord]:
        to_stage = batch.to_stage
        if not to_stage:
            return ()
        staged = await self._metadata.records.stage(
            claim, shown.part.number, to_stage, parser=parser, model=self._embedder.model
        )
        await shown.staged(batch)
        return staged

    async def _index_batch(
        self,
        claim: Claim,
        batch: ParsedBatch,
        staged: Sequence[StagedRecord],
        shown: SliceProgress,
    ) -> None:
        await self._index(claim, staged)
        await shown.indexed(batch)

    async def _index(self, claim: Claim, staged: Sequence[StagedRecord]) -> None:
        model = self._embedder.model
        work = chunk_staged(staged, model=model, limits=self._limits)
        if not work:
            return
        embedded: list[EmbeddedChunk] = []
        if any(entry.chunks for entry in work):
            async with self._embedding:
                embedded = await asyncio.to_thread(embed_chunks, work, claim, self._embedder)
        await write_batch(
            claim, work, embedded, model=model, to=(self._index_writer, self._metadata)
        )


def _is_quick(entry: StagedRecord) -> bool:
    """Whether nothing of it has to be embedded by itself."""
    return not (entry.needs_embedding and has_chunks(entry.record))


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
