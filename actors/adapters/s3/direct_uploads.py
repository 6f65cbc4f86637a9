"""Uploads whose parts clients put into the bucket themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from botocore.exceptions import ClientError

from actors.adapters.s3.bucket import S3Bucket
from actors.adapters.s3.errors import BAD_PARTS, code_of, translated
from actors.adapters.s3.leftovers import objects_before, unfinished_uploads
from actors.store_settings import S3Settings
from domain.errors import InvalidUploadError, ObjectStoreUnavailableError
from domain.models.files import StoredObject
from domain.models.ids import FileId, ObjectKey, content_key
from domain.models.uploads import UPLOADS, NewUpload, UploadedPart, is_upload_key, upload_key


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class S3DirectUploads:
    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._bucket = S3Bucket(settings)

    async def begin(self, upload_id: FileId) -> str:
        return await self._bucket.run(self._begin, upload_key(upload_id))

    async def part_urls(
        self, upload: NewUpload, numbers: Sequence[int], *, expires_seconds: int
    ) -> list[str]:
        return await self._bucket.run(self._signed, upload, numbers, expires_seconds)

    async def complete(self, upload: NewUpload, parts: Sequence[UploadedPart]) -> int:
        key = upload_key(upload.upload_id)
        await self._bucket.run(self._complete, key, upload.reference, parts)
        return await self._bucket.run(self._bucket.size, key)

    async def abort(self, upload: NewUpload) -> None:
        key = upload_key(upload.upload_id)
        await self._bucket.run(self._bucket.abort_multipart, key, upload.reference)
        await self._bucket.run(self._bucket.delete, key)

    async def name_by_content(self, upload_id: FileId) -> StoredObject:
        key = upload_key(upload_id)
        size = await self._bucket.run(self._bucket.size, key)
        digest = await self._sha256(key, size)
        stored = StoredObject(content_key(digest), digest, size)
        await self._bucket.run(self._bucket.copy, key, stored.key)
        copied = await self._bucket.run(self._bucket.size, stored.key)
        if copied != size:
            raise ObjectStoreUnavailableError(f"{copied} of {size} bytes were copied: try again")
        return stored

    async def discard(self, upload_id: FileId) -> None:
        await self._bucket.run(self._bucket.delete, upload_key(upload_id))

    async def left(self, *, untouched_seconds: float) -> Sequence[FileId]:
        before = datetime.now(UTC) - timedelta(seconds=untouched_seconds)
        return await self._bucket.run(self._left, before)

    async def abort_all(self, upload_id: FileId) -> None:
        await self._bucket.run(self._abort_all, upload_key(upload_id))

    async def close(self) -> None:
        await asyncio.to_thread(self._bucket.close)

    def _begin(self, key: ObjectKey) -> str:
        """Without checksums of the driver's making: the client has the bytes, and sends MD5."""
        bucket = self._bucket
        with translated(bucket.place):
            answer = bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=bucket.key(key), **bucket.encryption()
            )
        return str(answer["UploadId"])

    def _signed(self, upload: NewUpload, numbers: Sequence[int], expires: int) -> list[str]:
        bucket = self._bucket
        place = {"Bucket": bucket.name, "Key": bucket.key(upload_key(upload.upload_id))}

        def url(number: int) -> str:
            part = {**place, "UploadId": upload.reference, "PartNumber": number}
            signed = bucket.signer.generate_presigned_url("upload_part", part, ExpiresIn=expires)
            return str(signed)

        with translated(bucket.place):
            return [url(number) for number in numbers]

    def _complete(self, key: ObjectKey, reference: str, parts: Sequence[UploadedPart]) -> None:
        named: list[dict[str, Any]] = [
            {"PartNumber": part.number, "ETag": part.etag} for part in parts
        ]
        with translated(self._bucket.place):
            try:
                self._bucket.complete_multipart(key, reference, named)
            except ClientError as error:
                if code_of(error) not in BAD_PARTS:
                    raise
                raise InvalidUploadError(
                    f"the bucket does not have the parts as they were named ({code_of(error)}): "
                    "send what is missing, then complete the upload again"
                ) from error

    async def _sha256(self, key: ObjectKey, size: int) -> str:
        """Read piece by piece, so that whoever is cancelled stops soon."""
        digest, step = sha256(), self._settings.read_ahead_bytes
        for start in range(0, size, step):
            length = min(step, size - start)
            await self._bucket.run(self._digest_piece, digest, key, start, length)
        return digest.hexdigest()

    def _digest_piece(self, digest: _Digest, key: ObjectKey, start: int, length: int) -> None:
        digest.update(self._bucket.read(key, start, length))

    def _left(self, before: datetime) -> list[FileId]:
        keys = [key for key, _ in unfinished_uploads(self._bucket, UPLOADS, before)]
        keys += objects_before(self._bucket, UPLOADS, before)
        ours = sorted({key for key in keys if is_upload_key(ObjectKey(key))})
        return [FileId(UUID(key.removeprefix(UPLOADS))) for key in ours]

    def _abort_all(self, key: ObjectKey) -> None:
        ever = datetime.max.replace(tzinfo=UTC)
        for _, upload_id in list(unfinished_uploads(self._bucket, key, ever)):
            self._bucket.abort_multipart(key, upload_id)
        self._bucket.delete(key)
