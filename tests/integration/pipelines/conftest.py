"""A whole import side in one process: real PostgreSQL and object store, index in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.filesystem.object_store import FilesystemObjectStore
from actors.adapters.memory.clock import FakeClock
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.chunking import ChunkLimits
from domain.file_states import FINAL_STATUSES
from domain.models.chunks import EmbeddedChunk
from domain.models.files import Claim, FileReport, ImportOptions, ProcessingStatus
from domain.models.ids import FileId
from domain.parsers.registry import ParserSource
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.parser import ArchiveLimits
from domain.ports.search_index import SearchIndex
from pipelines.conductor import Conductor, ConductorLimits, ImportWorkers, Pause
from pipelines.deleting import FileDeleter
from pipelines.file_import import BUILT_IN, FileImporter, FilePlanner, PlanLimits
from pipelines.handlers import EventHandlers, FileStep
from pipelines.repairing import Repairer, RepairReport, RepairStores
from pipelines.slice_import import SliceImporter
from pipelines.uploading import UploadService
from pipelines.verifying import verify

LIMITS = ConductorLimits(files_in_flight=4, lease_seconds=10.0)


class CountingEmbedder(HashEmbedder):
    """Remembers how many texts it was asked for."""

    texts_embedded = 0

    def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        self.texts_embedded += len(texts)
        return super().embed(texts)


class LocalWorkers:
    """Imports in this very process."""

    def __init__(self, importer: FileImporter) -> None:
        self._importer = importer

    async def import_file(self, claim: Claim) -> None:
        await self._importer.run(claim)


class InterruptibleIndex(InMemorySearchIndex):
    """Stops the world before or after a chosen write, as a kill would; 0 never does."""

    interrupt_at = 0
    interrupts_after = False
    interrupt_after = 0
    writes = 0

    def __init__(self, *, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.interrupted = asyncio.Event()

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        self.writes += 1
        if self.writes == self.interrupt_at:
            if self.interrupts_after:
                await super().upsert(chunks)
            self.interrupted.set()
            await asyncio.Event().wait()
        await super().upsert(chunks)
        if self.writes == self.interrupt_after:
            self.interrupted.set()
            await asyncio.Event().wait()


@dataclass
class ImportSide:
    metadata: MetadataStore
    objects: ObjectStore
    index: SearchIndex
    embedder: CountingEmbedder = field(default_factory=CountingEmbedder)
    slice_bytes: int = 2_000
    batch_records: int = 10
    parsers: ParserSource = BUILT_IN
    wrap_workers: Callable[[ImportWorkers], ImportWorkers] = lambda workers: workers
    wrap_validation: Callable[[FileStep], FileStep] = lambda validate: validate
    limits: ConductorLimits = LIMITS
    pause: Pause | None = None

    def planner(self) -> FilePlanner:
        limits = PlanLimits(self.slice_bytes, ArchiveLimits())
        return FilePlanner(self.metadata, self.objects, limits, parsers=self.parsers)

    def handlers(self) -> EventHandlers:
        return EventHandlers(
            self.metadata, plan_file=self.wrap_validation(self.planner().plan_file)
        )

    def slice_importer(self, **replaced: Any) -> SliceImporter:
        return SliceImporter(
            replaced.get("metadata", self.metadata),
            replaced.get("index", self.index),
            self.embedder,
            limits=ChunkLimits(),
            batch_records=self.batch_records,
        )

    def deleter(self, **replaced: Any) -> FileDeleter:
        """What carries out deletions, with some of its stores replaced."""
        slices = self.slice_importer(**replaced)
        stores = {"metadata": self.metadata, "objects": self.objects, "index": self.index}
        return FileDeleter(
            **{**stores, **replaced}, show_names=slices.show_names, regroup=slices.passages.run
        )

    async def delete(self, file_id: FileId) -> None:
        """Delete a file at once, without a conductor."""
        await self.metadata.files.transition(file_id, ProcessingStatus.DELETING)
        await self.deleter().run(file_id)

    def importer(self) -> FileImporter:
        return FileImporter(
            self.metadata,
            self.objects,
            self.slice_importer(),
            archive=ArchiveLimits(),
            parsers=self.parsers,
        )

    async def import_at_once(
        self, filename: str, content: bytes, options: ImportOptions | None = None
    ) -> FileId:
        """Import a file without a conductor; it is processed, and nobody completes it."""
        file_id = await self.upload(filename, content, options)
        await self.planner().validate_file(file_id)
        await self.planner().queue_for_processing(file_id)
        (claim,) = await self.metadata.queue.claim("test", limit=1, lease_seconds=60)
        await self.importer().run(claim)
        return file_id

    def conductor(self) -> Conductor:
        importer = self.importer()
        return Conductor(
            self.metadata,
            self.wrap_workers(LocalWorkers(importer)),
            self.handlers(),
            self.deleter(),
            self.limits,
            pause=self.pause,
        )

    @asynccontextmanager
    async def conducted(self) -> AsyncIterator[None]:
        """A running conductor, stopped without any farewell."""
        running = asyncio.create_task(self.conductor().run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def upload(
        self, filename: str, content: bytes, options: ImportOptions | None = None
    ) -> FileId:
        async def pieces() -> AsyncIterator[bytes]:
            yield content

        service = UploadService(self.objects, self.metadata, max_bytes=1 << 30, queue_limit=1_000)
        return (await service.upload(filename, pieces(), options=options)).file_id

    async def finished(self, file_id: FileId) -> FileReport:
        """The file's report once it rests."""
        async with asyncio.timeout(30):
            while True:
                report = await self.metadata.files.get(file_id)
                if report.file.status in FINAL_STATUSES:
                    return report
                await self.metadata.events.wait(timeout_seconds=0.05)

    async def import_file(
        self, filename: str, content: bytes, options: ImportOptions | None = None
    ) -> FileReport:
        """Upload a file and conduct it to its end."""
        async with self.conducted():
            return await self.finished(await self.upload(filename, content, options))

    async def problems(self) -> list[str]:
        return await verify(self.metadata, self.index, self.objects)

    async def repair(
        self, *, at: datetime = datetime(2026, 3, 1, tzinfo=UTC), index: SearchIndex | None = None
    ) -> RepairReport:
        """One run of the repair at a moment, orphans being removed after a day."""
        stores = RepairStores(self.metadata, self.objects, self.index, index or self.index)
        repairer = Repairer(
            stores,
            self.embedder,
            limits=ChunkLimits(),
            grace=timedelta(hours=24),
            clock=FakeClock(at),
        )
        return await repairer.run()


@pytest.fixture
def import_side(metadata_store: MetadataStore, tmp_path: Path) -> ImportSide:
    embedder = CountingEmbedder()
    return ImportSide(
        metadata_store,
        FilesystemObjectStore(tmp_path / "objects"),
        InterruptibleIndex(dimension=embedder.dimension),
        embedder,
    )


def csv_of(rows: int, *, note: str = "") -> bytes:
    """A CSV of distinct rows, about 60 bytes each."""
    lines = ["id,subject,body"]
    lines += [
        f"{number},Subject {number},Body of row {number} speaks of things {note}"
        for number in range(rows)
    ]
    return "\n".join(lines).encode()
