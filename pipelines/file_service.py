"""What one may ask of file imports: look, delete, replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.models.files import DeadLetter, FileImport, FileReport, ProcessingStatus
from domain.models.ids import FileId, RecordId
from domain.models.records import StoredRecord
from domain.ports.metadata_store import MetadataStore


class FileService:
    """The import ledger as callers see it."""

    def __init__(self, metadata: MetadataStore) -> None:
        self._metadata = metadata

    async def get(self, file_id: FileId) -> FileReport:
        """Raises ``NotFoundError``."""
        return await self._metadata.files.get(file_id)

    async def list(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        status: ProcessingStatus | None = None,
    ) -> Sequence[FileReport]:
        """Newest upload first; ``before`` pages by upload time."""
        return await self._metadata.files.list(limit=limit, before=before, status=status)

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
