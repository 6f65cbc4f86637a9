"""Uploads that never cross the service: it hands out URLs and takes the file over at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from domain.errors import (
    ConflictError,
    InvalidUploadError,
    NotFoundError,
    NotPermittedError,
)
from domain.models.files import FileImport, ImportOptions
from domain.models.ids import FileId
from domain.models.uploads import MOST_PARTS, NewUpload, UploadedPart
from domain.ports.clock import Clock
from domain.ports.direct_uploads import DirectUploads
from domain.ports.metadata_store import MetadataStore
from pipelines.upload_finishing import UploadFinisher
from pipelines.uploading import UploadService

MOST_URLS = 100
"""Part URLs that one answer holds."""


@dataclass(frozen=True, slots=True)
class DirectLimits:
    max_bytes: int
    part_bytes: int
    expiry_seconds: int


@dataclass(frozen=True, slots=True)
class PartUrl:
    """Where the bytes of a part go, by ``PUT``. Numbers count from 1."""

    number: int
    url: str


class DirectUploadService:
    """What one may do with an upload straight to the bucket: begin, go on, complete, abort."""

    def __init__(
        self,
        direct: DirectUploads | None,
        metadata: MetadataStore,
        uploads: UploadService,
        clock: Clock,
        limits: DirectLimits,
    ) -> None:
        """Without ``direct`` every upload is refused with a sentence that says what to do."""
        self._direct = direct
        self._metadata = metadata
        self._uploads = uploads
        self._clock = clock
        self._limits = limits

    @property
    def is_offered(self) -> bool:
        return self._direct is not None

    async def begin(
        self, filename: str, size_bytes: int, *, mime_type: str | None, options: ImportOptions
    ) -> NewUpload:
        """Begin an upload; nothing is imported before it is completed.

        Raises:
            NotPermittedError: the object store takes no bytes from clients.
            InvalidUploadError: the name, an option or the size is not acceptable.
            OverloadedError: too many files are waiting.
        """
        direct = self._offered()
        limits = self._limits
        if size_bytes > limits.max_bytes:
            raise InvalidUploadError(
                f"an upload may bring at most {limits.max_bytes} bytes; "
                "HEADRACE_HTTP__MAX_UPLOAD_BYTES allows more",
                max_bytes=limits.max_bytes,
            )
        await self._uploads.admit(filename, options, size_bytes=size_bytes)
        upload_id = FileId(uuid4())
        upload = NewUpload(
            upload_id=upload_id,
            filename=filename,
            mime_type=mime_type,
            size_bytes=size_bytes,
            part_bytes=max(limits.part_bytes, -(-size_bytes // MOST_PARTS)),
            options=options,
            reference=await direct.begin(upload_id),
            expires_at=self._clock.now() + timedelta(seconds=limits.expiry_seconds),
        )
        await self._metadata.uploads.create(upload)
        return upload

    async def get(self, upload_id: FileId) -> NewUpload:
        """Raises ``NotFoundError``."""
        return (await self._metadata.uploads.get(upload_id)).upload

    async def part_urls(
        self, upload: NewUpload, *, first: int = 1, limit: int = MOST_URLS
    ) -> list[PartUrl]:
        """URLs of up to ``limit`` parts from ``first`` on, fresh ones on every call.

        Raises:
            InvalidUploadError: the upload has no such part.
            ConflictError: its time is over.
        """
        if not 1 <= first <= upload.part_count:
            raise InvalidUploadError(f"the upload has the parts 1 to {upload.part_count}")
        numbers = range(first, min(first + limit, upload.part_count + 1))
        left = (upload.expires_at - self._clock.now()).total_seconds()
        if left < 1:
            raise _expired()
        urls = await self._offered().part_urls(upload, numbers, expires_seconds=int(left))
        return [PartUrl(number, url) for number, url in zip(numbers, urls, strict=True)]

    async def complete(self, upload_id: FileId, parts: Sequence[UploadedPart]) -> FileImport:
        """Make a file import of the upload; a repeat returns the same one.

        What the client says is kept first, so that the file comes into being whatever dies now.

        Raises:
            NotFoundError: no such upload.
            ConflictError: its time is over.
            InvalidUploadError: parts are missing, or the bytes are not as many as announced.
        """
        finisher = UploadFinisher(self._offered(), self._metadata)
        try:
            noted = await self._metadata.uploads.get(upload_id)
        except NotFoundError:
            return await self._made_of(upload_id)
        upload = noted.upload
        if noted.parts is None and upload.expires_at < self._clock.now():
            await finisher.give_up(upload)
            raise _expired()
        ordered = sorted(parts, key=lambda part: part.number)
        _check_complete(upload, ordered)
        await self._metadata.uploads.note_parts(upload_id, ordered)
        try:
            return await finisher.finish(await self._metadata.uploads.get(upload_id))
        except NotFoundError:
            # Another call, or the sweep, may have come first.
            return await self._made_of(upload_id)

    async def abort(self, upload_id: FileId) -> None:
        """Give the upload up; what has come of it is removed.

        Raises:
            NotFoundError: no such upload.
            ConflictError: it is complete.
        """
        finisher = UploadFinisher(self._offered(), self._metadata)
        noted = await self._metadata.uploads.get(upload_id)
        if noted.parts is not None:
            raise ConflictError("the upload is complete: delete the file of the same id instead")
        await finisher.give_up(noted.upload)

    async def _made_of(self, upload_id: FileId) -> FileImport:
        try:
            return await self._metadata.files.find(upload_id)
        except NotFoundError as error:
            raise NotFoundError("no such upload", upload_id=str(upload_id)) from error

    def _offered(self) -> DirectUploads:
        if self._direct is None:
            raise NotPermittedError(
                "uploads straight to the object store need HEADRACE_OBJECTS__BACKEND=s3: "
                "send the file by PUT /v1/files/{filename}"
            )
        return self._direct


def _check_complete(upload: NewUpload, parts: Sequence[UploadedPart]) -> None:
    if [part.number for part in parts] != list(range(1, upload.part_count + 1)):
        raise InvalidUploadError(
            f"name each of the parts 1 to {upload.part_count} once, with the ETag of its answer"
        )


def _expired() -> ConflictError:
    return ConflictError("the time for this upload is over: begin another")
