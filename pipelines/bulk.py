"""Large files through Ray Data: slices parsed, embedded and written on all cores."""

from __future__ import annotations

import asyncio
import os
import pickle
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data
import structlog
from numpy.typing import NDArray

from actors.bootstrap import followed_parsers, open_embedder, open_metadata, open_objects
from actors.extraction.opening import open_extractor
from actors.index_writer import ActorIndexWriter
from actors.logging import configure_logging
from actors.namespace import ON_FIRST_NODE
from actors.settings import Settings
from domain.chunking import ChunkLimits
from domain.ledger import Ledger
from domain.models.chunks import EmbeddedChunk
from domain.models.files import Claim, FileImport, Slice
from domain.models.records import RejectedItem
from domain.parsers.registry import label_of
from domain.passages import PassageLimits
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.parser import ArchiveLimits
from pipelines.batches import next_batch
from pipelines.file_import import finish_processing, parse_context, raw_bytes
from pipelines.grouping import PassageWriter
from pipelines.renaming import Renamer
from pipelines.slice_import import (
    RecordChunks,
    SliceTally,
    chunk_staged,
    write_batch,
)
from pipelines.slice_progress import GROUPED_SHARE, SliceProgress

log = structlog.get_logger(__name__)

EMBED_CPUS = 0.5
WRITE_CPUS = 0.1
OBJECT_STORE_BYTES = 256 << 20
BLOCK_BYTES = 16 << 20
NO_PROGRESS_SECONDS = 600


def parse_cpus(tasks_per_core: int) -> float:
    """What a parse task claims of a core, so that as many of them run there.

    Never what an embedding actor claims, or Ray Data would fuse both stages into one.
    """
    share = 1 / tasks_per_core
    return share if share != EMBED_CPUS else share - 0.01


@dataclass(frozen=True, slots=True)
class BulkJob:
    """What every stage of one bulk import needs to know; travels to all of them."""

    settings: Settings
    claim: Claim
    file: FileImport
    model: str
    limits: ChunkLimits
    archive: ArchiveLimits


@dataclass(slots=True)
class _SliceState:
    """What the driver has seen of a slice: it is complete when all its records are written."""

    written: int = 0
    expected: int | None = None
    ledger: Ledger = field(default_factory=Ledger)
    rejected: Sequence[RejectedItem] = field(default_factory=tuple)
    has_groups: bool = False
    size_bytes: int = 0

    @property
    def is_complete(self) -> bool:
        return self.expected is not None and self.written == self.expected


def stage_slices(table: pa.Table, job: BulkJob) -> Iterator[pa.Table]:
    """Parse each slice, stage its records, and yield those that the index must hold anew.

    One row a record (``chunks`` pickled), and after a slice's last record one row that carries
    its ledger. Resources: ``parse_cpus``. Safe to run again.
    """
    os.nice(10 - os.nice(0))
    with asyncio.Runner() as runner:
        metadata = runner.run(open_metadata(job.settings))
        try:
            for packed in table.column("slice").to_pylist():
                yield from _stage_slice(runner, metadata, pickle.loads(packed), job)
        finally:
            runner.run(metadata.close())


def _stage_slice(
    runner: asyncio.Runner, metadata: MetadataStore, part: Slice, job: BulkJob
) -> Iterator[pa.Table]:
    parsers = followed_parsers(job.settings, metadata)
    parser = runner.run(parsers.of_label(job.file.parser or ""))
    objects = open_objects(job.settings)
    tally, expected, has_groups = SliceTally(), 0, False
    shown = SliceProgress(metadata, job.claim, part)
    context = parse_context(job.file, job.archive, open_extractor(job.settings))
    opened = raw_bytes(objects, job.file)
    raw = runner.run(opened.__aenter__())
    try:
        items = parser.read(raw, part, context)
        while (batch := next_batch(items, job.settings.ingest.batch_records)).items_read:
            staged = runner.run(
                metadata.records.stage(
                    job.claim,
                    part.number,
                    batch.to_stage,
                    parser=label_of(parser),
                    model=job.model,
                )
            )
            tally.add(batch, staged)
            runner.run(shown.staged(batch))
            work = chunk_staged(staged, model=job.model, limits=job.limits)
            expected += len(work)
            has_groups |= any(entry.staged.record.group for entry in work)
            if work:
                yield _rows(part.number, [pickle.dumps(entry) for entry in work])
    finally:
        runner.run(opened.__aexit__(None, None, None))
        runner.run(objects.close())
    end = pickle.dumps((tally.ledger(), tally.rejected, expected, has_groups))
    yield _rows(part.number, [b""], end=end)


def _rows(number: int, work: list[bytes], *, end: bytes = b"") -> pa.Table:
    return pa.table(
        {
            "slice": pa.array([number] * len(work), pa.int64()),
            "work": pa.array(work, pa.large_binary()),
            "end": pa.array([end] * len(work), pa.large_binary()),
        }
    )


class EmbedRecords:
    """Ray Data stage: adds the embeddings of each record's chunks. Resources: ``EMBED_CPUS``."""

    def __init__(self, job: BulkJob) -> None:
        configure_logging(job.settings.log)
        os.nice(10)
        self._embedder = open_embedder(job.settings)

    def __call__(self, table: pa.Table) -> pa.Table:
        work = [pickle.loads(packed) if packed else None for packed in _column(table, "work")]
        texts = [chunk.embedding_text for entry in work if entry for chunk in entry.chunks]
        vectors = iter(self._embedder.embed(texts)) if texts else iter(())
        packed = [
            np.array([next(vectors) for _ in entry.chunks], dtype=np.float32).tobytes()
            if entry
            else b""
            for entry in work
        ]
        return table.append_column("embeddings", pa.array(packed, pa.large_binary()))


class WriteRecords:
    """Ray Data stage: index first, then confirm. Yields how many records of which slice."""

    def __init__(self, job: BulkJob) -> None:
        configure_logging(job.settings.log)
        self._job = job
        self._runner = asyncio.Runner()
        self._metadata = self._runner.run(open_metadata(job.settings))
        self._index = ActorIndexWriter()

    def __call__(self, table: pa.Table) -> pa.Table:
        work: list[RecordChunks] = []
        embedded: list[EmbeddedChunk] = []
        for packed, vectors in zip(
            _column(table, "work"), _column(table, "embeddings"), strict=True
        ):
            if packed:
                entry = pickle.loads(packed)
                work.append(entry)
                embedded += self._embedded(entry, vectors)
        if work:
            self._runner.run(
                write_batch(
                    self._job.claim,
                    work,
                    embedded,
                    model=self._job.model,
                    to=(self._index, self._metadata),
                )
            )
        return table.select(["slice", "end"])

    def _embedded(self, entry: RecordChunks, vectors: bytes) -> list[EmbeddedChunk]:
        count = len(entry.chunks)
        matrix = np.frombuffer(vectors, dtype=np.float32).reshape(count, -1) if count else ()
        return [
            EmbeddedChunk(chunk, self._job.claim.file_id, vector)
            for chunk, vector in zip(entry.chunks, matrix, strict=True)
        ]


def _column(table: pa.Table, name: str) -> list[bytes]:
    values: list[bytes] = table.column(name).to_pylist()
    return values


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_retries=0)
def import_in_bulk(job: BulkJob) -> None:
    """Import a claimed file's pending slices through Ray Data, then say ``file_processed``.

    Runs as the driver of the dataset. Whatever dies, the slices not completed are run again.
    """
    configure_logging(job.settings.log)
    os.nice(10)
    asyncio.run(_drive(job))


async def _drive(job: BulkJob) -> None:
    started = time.monotonic()
    metadata = await open_metadata(job.settings)
    try:
        parts = await metadata.slices.pending(job.claim.file_id)
        grouped = await _collect(job, metadata, parts) if parts else {}
        await _write_passages(job, metadata, grouped)
        await _show_names(job, metadata)
        await finish_processing(metadata, job.claim, seconds=time.monotonic() - started)
    finally:
        await metadata.close()


async def _show_names(job: BulkJob, metadata: MetadataStore) -> None:
    """Let all records follow the file's names; the model is loaded only if there are any."""
    opened: list[Embedder] = []

    async def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        if not opened:
            opened.append(await asyncio.to_thread(open_embedder, job.settings))
        return await asyncio.to_thread(opened[0].embed, texts)

    renamer = Renamer(metadata.names, ActorIndexWriter(), embed, model=job.model, limits=job.limits)
    try:
        await renamer.run(job.claim.file_id)
    finally:
        for embedder in opened:
            embedder.close()


async def _collect(
    job: BulkJob, metadata: MetadataStore, parts: Sequence[Slice]
) -> dict[int, _SliceState]:
    """Run the dataset and complete each slice when the last of its records is written.

    Returns the slices whose records still wait for their passages; they are not completed.
    """
    sizes = {part.number: part.size_bytes for part in parts}
    states: dict[int, _SliceState] = {}
    grouped: dict[int, _SliceState] = {}
    batches = iter(_dataset(job, parts).iter_batches(batch_format="pyarrow", batch_size=None))
    while (table := await asyncio.to_thread(next, batches, None)) is not None:
        touched = _count(table, states)
        for number in touched:
            state = states[number]
            if state.is_complete and state.has_groups:
                grouped[number] = replace(states.pop(number), size_bytes=sizes[number])
            elif state.is_complete:
                await metadata.slices.complete(job.claim, number, state.ledger, state.rejected)
                del states[number]
            elif state.expected:
                await _show_progress(job, metadata, number, state, sizes[number])
    if states:
        raise RuntimeError(f"slices {sorted(states)} did not come to their end")
    return grouped


async def _write_passages(
    job: BulkJob, metadata: MetadataStore, grouped: Mapping[int, _SliceState]
) -> None:
    """Write the passages of all slices, whose groups may reach over several, and complete them."""
    file_id = job.claim.file_id

    async def show(done: int, total: int) -> None:
        for number, state in grouped.items():
            share = 1 - GROUPED_SHARE * (1 - done / total)
            await metadata.slices.progress(
                job.claim,
                number,
                records_done=round(state.ledger.read * share),
                bytes_done=round(state.size_bytes * share),
            )

    if await metadata.groups.count_stale(file_id):
        embedder = open_embedder(job.settings, sessions=os.cpu_count() or 1)
        try:
            limits = PassageLimits.within(job.limits)
            passages = PassageWriter(metadata, ActorIndexWriter(), embedder, limits=limits)
            await passages.run(file_id, on_groups=show)
        finally:
            embedder.close()
    for number, state in grouped.items():
        await metadata.slices.complete(job.claim, number, state.ledger, state.rejected)


def _count(table: pa.Table, states: dict[int, _SliceState]) -> set[int]:
    written: Counter[int] = Counter()
    for number, end in zip(table.column("slice").to_pylist(), _column(table, "end"), strict=True):
        state = states.setdefault(number, _SliceState())
        if end:
            state.ledger, state.rejected, state.expected, state.has_groups = pickle.loads(end)
        else:
            written[number] += 1
    for number, count in written.items():
        states[number].written += count
    return set(table.column("slice").to_pylist())


async def _show_progress(
    job: BulkJob, metadata: MetadataStore, number: int, state: _SliceState, size: int
) -> None:
    share = state.written / state.expected if state.expected else 0.0
    await metadata.slices.progress(
        job.claim,
        number,
        records_done=round(state.ledger.read * share),
        bytes_done=round(size * share),
    )


def _dataset(job: BulkJob, parts: Sequence[Slice]) -> Any:
    """slices → parse and stage → embed → write."""
    cores = os.cpu_count() or 1
    ingest = job.settings.ingest
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        object_store_memory=OBJECT_STORE_BYTES
    )
    context.execution_no_progress_timeout_s = NO_PROGRESS_SECONDS
    manifest = pa.table({"slice": pa.array([pickle.dumps(part) for part in parts])})
    pool = ray.data.ActorPoolStrategy
    return (
        ray.data.from_arrow(manifest)
        .repartition(target_num_rows_per_block=1)
        .map_batches(
            stage_slices,
            fn_kwargs={"job": job},
            batch_format="pyarrow",
            batch_size=1,
            num_cpus=parse_cpus(ingest.bulk_parse_tasks_per_core),
            compute=ray.data.TaskPoolStrategy(size=cores * ingest.bulk_parse_tasks_per_core),
        )
        .map_batches(
            EmbedRecords,
            fn_constructor_kwargs={"job": job},
            batch_format="pyarrow",
            batch_size=ingest.batch_records,
            num_cpus=EMBED_CPUS,
            compute=pool(size=cores),
        )
        .map_batches(
            WriteRecords,
            fn_constructor_kwargs={"job": job},
            batch_format="pyarrow",
            batch_size=ingest.batch_records,
            num_cpus=WRITE_CPUS,
            compute=pool(size=1),
        )
    )
