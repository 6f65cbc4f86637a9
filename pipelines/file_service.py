"""What one may ask of file imports: look, delete, replay."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from domain.errors import IndexUnavailableError
from domain.file_states import FINAL_STATUSES
from domain.models.files import DeadLetter, FileImport, FileReport, ProcessingStatus
from domain.models.ids import FileId, RecordId
from domain.models.records import StoredRecord
from domain.ports.metadata_store import MetadataStore
from pipelines.index_follower import IndexFollower


class FileService:
    """The import ledger as callers see it.

    Who is told that a file is completed finds its records with the next query: the index reader
    of this process catches up before the answer goes out, unless it is away.
    """

    def __init__(self, metadata: MetadataStore, follower: IndexFollower) -> None:
        self._metadata = metadata
        self._follower = follower

    async def get(self, file_id: FileId) -> FileReport:
        """Raises ``NotFoundError``."""
        report = await self._metadata.files.get(file_id)
        await self._catch_up([report])
        return report

    async def list(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        status: ProcessingStatus | None = None,
    ) -> Sequence[FileReport]:
        """Newest upload first; ``before`` pages by upload time."""
        reports = await self._metadata.files.list(limit=limit, before=before, status=status)
        await self._catch_up(reports)
        return reports

    async def _catch_up(self, reports: Sequence[FileReport]) -> None:
        if any(report.file.status in FINAL_STATUSES for report in reports):
            with contextlib.suppress(IndexUnavailableError):
                await self._follower.follow()

    async def delete(self, file_id: FileId) -> FileImport:
        """Ask for the file's removal from every store; the conductor carries it out.

        Raises:
            NotFoundError: no such file.
        """
        return await self._metadata.files.transition(file_id, ProcessingStatus.DELETING)

    async def replay(self, file_id: FileId) -> FileImport:
        """Read a finished file again from its stored bytes, dead letters included.

        Raises:
            NotFoundError: no such file.
            ConflictError: the file is not finished.
        """
        return await self._metadata.files.restart(file_id)

    async def dead_letters(self, file_id: FileId, *, limit: int = 100) -> Sequence[DeadLetter]:
        """What failed in the file's present run, with its place and error."""
        return await self._metadata.files.dead_letters(file_id, limit=limit)

    async def record(self, record_id: RecordId) -> StoredRecord:
        """Raises ``NotFoundError``."""
        return await self._metadata.records.get(record_id)

    async def thread(self, record_id: RecordId, *, limit: int = 100) -> Sequence[StoredRecord]:
        """The record's conversation, oldest first. Raises ``NotFoundError``."""
        return await self._metadata.records.thread(record_id, limit=limit)
