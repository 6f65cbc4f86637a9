"""From parts that a client has put into the bucket to a file import."""

from __future__ import annotations

import structlog

from domain.errors import InvalidUploadError, NotFoundError
from domain.models.files import FileImport, NewFileImport, StoredObject
from domain.models.ids import FileId
from domain.models.uploads import DirectUpload, NewUpload, upload_key
from domain.ports.direct_uploads import DirectUploads
from domain.ports.metadata_store import MetadataStore
from domain.priorities import priority_of
from pipelines.uploading import BULK_BYTES, UNDETECTED

log = structlog.get_logger(__name__)

ABANDONED_SECONDS = 60.0
"""An upload that was called complete so long ago was left by a process that died."""

PAGE = 100


class UploadFinisher:
    """Makes file imports of uploads, and cleans up after those that nobody went on with.

    Every step may run twice, at once, and in any process: the file has the upload's id.
    """

    def __init__(self, direct: DirectUploads, metadata: MetadataStore) -> None:
        self._direct = direct
        self._metadata = metadata

    async def finish(self, upload: DirectUpload) -> FileImport:
        """Join the noted parts, and queue the file in one transaction.

        Its content's name it gets when it is validated, where reading it keeps nobody waiting.

        Raises:
            NotFoundError: the upload is gone.
            InvalidUploadError: parts are missing (send them and try again), or the size is wrong
                (the upload is removed).
        """
        new = upload.upload
        try:
            arrived = await self._direct.complete(new, upload.parts or ())
        except InvalidUploadError:
            await self._metadata.uploads.note_parts(new.upload_id, None)
            raise
        if arrived != new.size_bytes:
            await self.give_up(new)
            raise InvalidUploadError(
                f"{arrived} bytes came instead of the {new.size_bytes} that were announced: "
                "begin again"
            )
        file = await self._metadata.files.create(_file_of(new))
        await self._metadata.uploads.forget(new.upload_id)
        return file

    async def give_up(self, upload: NewUpload) -> None:
        """Remove what has come of an upload, then its row."""
        await self._direct.abort(upload)
        await self._metadata.uploads.forget(upload.upload_id)

    async def sweep(self, *, untouched_seconds: float) -> None:
        """Finish what a dead process has left half done; remove what is expired or nobody's.

        Raises:
            RetryableError: a store gave no answer; the next sweep goes on.
        """
        for upload in await self._metadata.uploads.unfinished(
            noted_seconds=ABANDONED_SECONDS, limit=PAGE
        ):
            await self._finish_for_another(upload)
        for upload in await self._metadata.uploads.expired(limit=PAGE):
            await self.give_up(upload.upload)
            log.info("upload_expired", upload_id=str(upload.upload.upload_id))
        for upload_id in await self._direct.left(untouched_seconds=untouched_seconds):
            if not await self._is_wanted(upload_id):
                await self._direct.abort_all(upload_id)
                log.info("upload_leftover_removed", upload_id=str(upload_id))

    async def _finish_for_another(self, upload: DirectUpload) -> None:
        upload_id = upload.upload.upload_id
        try:
            await self.finish(upload)
        except NotFoundError:
            await self._metadata.uploads.forget(upload_id)
            log.warning("upload_lost", upload_id=str(upload_id))
        except InvalidUploadError as error:
            log.warning("upload_not_finished", upload_id=str(upload_id), error=error.message)
        else:
            log.info("upload_finished", upload_id=str(upload_id))

    async def _is_wanted(self, upload_id: FileId) -> bool:
        """Whether the upload goes on, or its file still stands on the object."""
        try:
            await self._metadata.uploads.get(upload_id)
        except NotFoundError:
            try:
                file = await self._metadata.files.find(upload_id)
            except NotFoundError:
                return False
            return file.object_key == upload_key(upload_id)
        return True


def _file_of(upload: NewUpload) -> NewFileImport:
    """Its digest is unknown until somebody has read it."""
    return NewFileImport(
        file_id=upload.upload_id,
        filename=upload.filename,
        source_type=upload.options.source or UNDETECTED,
        mime_type=upload.mime_type,
        stored=StoredObject(upload_key(upload.upload_id), "", upload.size_bytes),
        options=upload.options,
        priority=priority_of(upload.options, upload.size_bytes, bulk_bytes=BULK_BYTES),
    )
