"""The first step of a file whose bytes came straight to the bucket: its content's name."""

from __future__ import annotations

import structlog

from domain.errors import (
    ConflictError,
    NotFoundError,
    ObjectStoreUnavailableError,
    UnreadableFileError,
)
from domain.models.files import FileImport, ProcessingStatus, StoredObject
from domain.models.uploads import is_upload_key
from domain.ports.direct_uploads import DirectUploads
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore

log = structlog.get_logger(__name__)


class UploadAdopter:
    """Reads such a file once, and moves it to where equal bytes are stored once."""

    def __init__(
        self, direct: DirectUploads, metadata: MetadataStore, objects: ObjectStore
    ) -> None:
        self._direct = direct
        self._metadata = metadata
        self._objects = objects

    async def adopt(self, file: FileImport) -> FileImport:
        """The file on its final object; as it is, if it stands on one. May be repeated.

        The bytes under the upload's key go last, so that a death on the way loses nothing.

        Raises:
            UnreadableFileError: its bytes are gone.
            ConflictError, NotFoundError: the file is being deleted, or was.
            ObjectStoreUnavailableError: call again.
        """
        if not is_upload_key(file.object_key):
            return file
        try:
            stored = await self._direct.name_by_content(file.file_id)
        except NotFoundError:
            return await self._adopted_by_another(file)
        try:
            await self._move(file, stored)
        except (ConflictError, NotFoundError):
            await self._remove_unless_used(file, stored)
            raise
        await self._direct.discard(file.file_id)
        log.info("upload_adopted", file_id=str(file.file_id), size_bytes=stored.size_bytes)
        return await self._metadata.files.find(file.file_id)

    async def _adopted_by_another(self, file: FileImport) -> FileImport:
        """The bytes went while they were read: because of an earlier try that lives on, perhaps."""
        now = await self._metadata.files.find(file.file_id)
        if now.status is ProcessingStatus.DELETING:
            raise ConflictError("the file is being deleted", file_id=str(file.file_id))
        if is_upload_key(now.object_key):
            raise UnreadableFileError(
                "the uploaded bytes are gone from the object store: upload the file again"
            )
        return now

    async def _move(self, file: FileImport, stored: StoredObject) -> None:
        async with self._metadata.files.moving(file.file_id, stored):
            try:
                await self._objects.size(stored.key)
            except NotFoundError as error:
                raise ObjectStoreUnavailableError(
                    "an equal file was being deleted at the same moment; it is stored again"
                ) from error

    async def _remove_unless_used(self, file: FileImport, stored: StoredObject) -> None:
        async with self._metadata.files.reclaiming(stored.key, besides=file.file_id) as is_unused:
            if is_unused:
                await self._objects.delete(stored.key)
