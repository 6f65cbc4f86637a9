"""What happens on each event of a file's life. Every handler may run twice."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import assert_never

import structlog

from domain.errors import NotFoundError
from domain.models.events import Event, FileProcessed, FileUploaded, IndexingCompleted
from domain.models.files import FileImport, ProcessingStatus
from domain.models.ids import FileId
from domain.ports.metadata_store import MetadataStore

log = structlog.get_logger(__name__)

FileStep = Callable[[FileId], Awaitable[None]]


class EventHandlers:
    """Dispatches events to the handlers that the specification names.

    ``validate_file`` and ``queue_for_processing`` read whole files, so they are handed in as one
    step, ``plan_file``, and run where the import workers are.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        *,
        plan_file: FileStep,
    ) -> None:
        self._metadata = metadata
        self._plan_file = plan_file

    async def handle(self, event: Event) -> None:
        """Run the event's handlers in order; an event of a file that moved on does nothing."""
        file = await self._metadata.files.find(event.file_id)
        match event:
            case FileUploaded():
                if file.status in {ProcessingStatus.PENDING, ProcessingStatus.VALIDATING}:
                    await self._plan_file(event.file_id)
            case FileProcessed():
                await self._update_metadata(event, file)
                await self._trigger_indexing(event, file)
            case IndexingCompleted():
                await self._replace_earlier(file)
                await self._invalidate_cache(event)
                self._notify_completion(event, file)
            case _:
                assert_never(event)

    async def _update_metadata(self, event: FileProcessed, file: FileImport) -> None:
        await self._metadata.files.describe(
            event.file_id,
            source_type=file.source_type,
            parser=file.parser or "",
            metadata={
                **file.metadata,
                "record_count": event.record_count,
                "processing_seconds": round(event.processing_time, 3),
            },
        )

    async def _trigger_indexing(self, event: FileProcessed, file: FileImport) -> None:
        """Complete the file: its chunks are durable and searchable already.

        Folding them into the search structures makes queries faster, not truer; the index writer
        does it when writing pauses. The generation grows before the file is called completed, so
        that whoever sees it completed can see its records.
        """
        if file.status is not ProcessingStatus.INDEXING:
            return
        await self._metadata.events.bump_generation()
        ledger = await self._metadata.slices.ledger(event.file_id)
        vectors = await self._metadata.records.vector_count(event.file_id)
        status = (
            ProcessingStatus.COMPLETED_WITH_ERRORS if ledger.failed else ProcessingStatus.COMPLETED
        )
        await self._metadata.files.transition(
            event.file_id, status, event=IndexingCompleted(event.file_id, vector_count=vectors)
        )

    async def _replace_earlier(self, file: FileImport) -> None:
        """Let the file take the place of earlier ones, if it is to: all its records are found.

        One with failed records replaces nothing, since what failed may be found by the earlier
        file alone; when it is replayed without failures it does.
        """
        if not file.options.replaces:
            return
        if file.status is not ProcessingStatus.COMPLETED:
            log.warning("file_replaces_nothing", file_id=str(file.file_id), status=file.status)
            return
        for earlier in await self._metadata.files.earlier(file.file_id):
            with contextlib.suppress(NotFoundError):  # deleted by somebody else meanwhile
                await self._metadata.files.transition(earlier, ProcessingStatus.DELETING)
                log.info("file_replaced", file_id=str(file.file_id), replaced=str(earlier))

    async def _invalidate_cache(self, event: IndexingCompleted) -> None:
        await self._metadata.events.bump_generation()

    def _notify_completion(self, event: IndexingCompleted, file: FileImport) -> None:
        log.info(
            "file_completed",
            file_id=str(event.file_id),
            status=file.status,
            vectors=event.vector_count,
        )
