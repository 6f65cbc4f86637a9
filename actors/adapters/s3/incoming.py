"""One upload through the service, on its way to become an object."""

from __future__ import annotations

import base64
import threading
from hashlib import sha256
from typing import Any
from uuid import uuid4

import structlog

from actors.adapters.s3.bucket import INCOMING, S3Bucket
from actors.adapters.s3.errors import translated
from domain.errors import ObjectStoreUnavailableError
from domain.models.files import StoredObject
from domain.models.ids import content_key

log = structlog.get_logger(__name__)


class IncomingObject:
    """Holds one part in memory. Every method but ``add`` blocks.

    What fits into one part is put under its final key at once. Anything larger goes in parts to a
    temporary key, since its name is known only at its end, and is then copied within the server.
    """

    def __init__(self, bucket: S3Bucket, *, part_bytes: int) -> None:
        self._bucket = bucket
        self._part_bytes = part_bytes
        self._digest = sha256()
        self._waiting = bytearray()
        self._temporary = f"{INCOMING}{uuid4().hex}"
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        # A call that its cancelled caller has left alone still runs; aborting waits for it.
        self._one_at_a_time = threading.Lock()
        self.received_bytes = 0

    def add(self, piece: bytes) -> bool:
        """Take a piece; ``True`` when enough has come together to be sent."""
        self._waiting += piece
        self.received_bytes += len(piece)
        return len(self._waiting) >= self._part_bytes

    def send(self) -> None:
        """Send what has come together as the next part."""
        with self._one_at_a_time:
            self._send_part()

    def finish(self) -> StoredObject:
        """Name the object by its content; it is there, whole, when this returns."""
        with self._one_at_a_time:
            if self._upload_id is None:
                return self._put()
            if self._waiting:
                self._send_part()
            return self._assemble(self._upload_id)

    def abort(self) -> None:
        """Leave nothing behind. What cannot be removed now is removed as a leftover later."""
        with self._one_at_a_time:
            if self._upload_id is None:
                return
            try:
                self._bucket.abort_multipart(self._temporary, self._upload_id)
                self._bucket.delete(self._temporary)
            except ObjectStoreUnavailableError as error:
                log.warning("upload_not_aborted", key=self._temporary, error=error.message)

    def _put(self) -> StoredObject:
        self._digest.update(self._waiting)
        stored = self._stored()
        checksum = base64.b64encode(self._digest.digest()).decode()
        bucket = self._bucket
        with translated(bucket.place):
            bucket.client.put_object(
                Bucket=bucket.name,
                Key=bucket.key(stored.key),
                Body=self._waiting,
                **({"ChecksumSHA256": checksum} if bucket.settings.checksums else {}),
                **bucket.encryption(),
            )
        return stored

    def _send_part(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._bucket.begin_multipart(self._temporary)
        bucket, number = self._bucket, len(self._parts) + 1
        self._digest.update(self._waiting)
        with translated(bucket.place):
            answer = bucket.client.upload_part(
                Bucket=bucket.name,
                Key=bucket.key(self._temporary),
                UploadId=self._upload_id,
                PartNumber=number,
                Body=self._waiting,
                **bucket.checksum(),
            )
        self._parts.append(_part(number, answer))
        self._waiting = bytearray()

    def _assemble(self, upload_id: str) -> StoredObject:
        bucket, stored = self._bucket, self._stored()
        with translated(bucket.place):
            bucket.complete_multipart(self._temporary, upload_id, self._parts)
        bucket.copy(self._temporary, stored.key)
        arrived = bucket.size(stored.key)
        if arrived != stored.size_bytes:
            raise ObjectStoreUnavailableError(
                f"{arrived} of {stored.size_bytes} bytes arrived in the bucket: try again"
            )
        bucket.delete(self._temporary)
        return stored

    def _stored(self) -> StoredObject:
        digest = self._digest.hexdigest()
        return StoredObject(content_key(digest), digest, self.received_bytes)


def _part(number: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A part as completing the upload wants it named."""
    checksum = answer.get("ChecksumCRC32")
    named = {"PartNumber": number, "ETag": answer["ETag"]}
    return {**named, "ChecksumCRC32": checksum} if checksum else named
