"""From a stream of bytes to a file import that nobody can lose any more."""

from __future__ import annotations

from collections.abc import AsyncIterable
from uuid import uuid4

from domain.errors import (
    InvalidUploadError,
    NotFoundError,
    ObjectStoreUnavailableError,
    OverloadedError,
)
from domain.models.files import FileImport, ImportOptions, NewFileImport, Priority, ProcessingStatus
from domain.models.ids import FileId
from domain.parsers.detection import check_source_name
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.priorities import priority_of

UNDETECTED = "unknown"
"""The source type of a file until validation has read its beginning."""

RETRY_AFTER_SECONDS = 5.0
BULK_BYTES = 64 << 20


class UploadService:
    """Accepts files: bytes first, then one transaction that makes them an import."""

    def __init__(
        self,
        objects: ObjectStore,
        metadata: MetadataStore,
        *,
        max_bytes: int,
        queue_limit: int,
        bulk_bytes: int = BULK_BYTES,
    ) -> None:
        self._objects = objects
        self._metadata = metadata
        self._max_bytes = max_bytes
        self._queue_limit = queue_limit
        self._bulk_bytes = bulk_bytes

    async def upload(
        self,
        filename: str,
        data: AsyncIterable[bytes],
        *,
        mime_type: str | None = None,
        options: ImportOptions | None = None,
    ) -> FileImport:
        """Store the stream and queue it; when this returns, the import will be done.

        Raises:
            InvalidUploadError: the name, an option or the size is not acceptable.
            OverloadedError: too many files are waiting; nothing was stored.
            RetryableError: a store gave no answer; nothing was queued.
        """
        chosen = options or ImportOptions()
        await self.admit(filename, chosen)
        stored = await self._objects.store(data, max_bytes=self._max_bytes)
        upload = NewFileImport(
            file_id=FileId(uuid4()),
            filename=filename,
            source_type=chosen.source or UNDETECTED,
            mime_type=mime_type,
            stored=stored,
            options=chosen,
            priority=priority_of(chosen, stored.size_bytes, bulk_bytes=self._bulk_bytes),
        )
        file = await self._metadata.files.create(upload)
        await self._check_still_stored(file)
        return file

    async def admit(self, filename: str, options: ImportOptions, *, size_bytes: int = 0) -> None:
        """Say whether such a file may come now, before any byte of it does.

        ``size_bytes`` is what is known of its size; large files are bulk.

        Raises:
            InvalidUploadError: the name or an option is not acceptable.
            OverloadedError: too many files are waiting.
        """
        check_filename(filename)
        if options.source is not None:
            check_source_name(options.source)
        await self._refuse_when_full(priority_of(options, size_bytes, bulk_bytes=self._bulk_bytes))

    async def _check_still_stored(self, file: FileImport) -> None:
        """An equal file may have been deleted, bytes and all, between storing and queueing."""
        try:
            await self._objects.size(file.object_key)
        except NotFoundError as error:
            await self._metadata.files.transition(file.file_id, ProcessingStatus.DELETING)
            raise ObjectStoreUnavailableError(
                "an equal file was being deleted at the same moment; upload it again",
                retry_after_seconds=1.0,
            ) from error

    async def _refuse_when_full(self, priority: Priority) -> None:
        """The last tenth of the queue is kept for interactive files."""
        is_bulk = priority is Priority.BULK
        limit = self._queue_limit - (self._queue_limit // 10 if is_bulk else 0)
        depth = await self._metadata.queue.depth()
        if depth >= limit:
            raise OverloadedError(
                f"{depth} files are waiting already; try again later",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )


def check_filename(filename: str) -> None:
    """Accept a plain file name, or a relative path with forward slashes.

    Raises:
        InvalidUploadError: it is empty, too long, or could be mistaken for a place on disk.
    """
    if not filename or len(filename) > 255:
        raise InvalidUploadError("a file name needs 1 to 255 characters", filename=filename[:300])
    if any(ord(character) < 32 for character in filename):
        raise InvalidUploadError("a file name cannot hold control characters", filename=filename)
    if filename.startswith("/") or ".." in filename.split("/"):
        raise InvalidUploadError("a file name cannot climb out of its folder", filename=filename)
