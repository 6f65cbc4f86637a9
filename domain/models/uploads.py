"""Uploads whose bytes go straight from the client to the object store, part by part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.models.files import ImportOptions
from domain.models.ids import FileId, ObjectKey

UPLOADS = "uploads/"
MOST_PARTS = 10_000
"""As many as S3 takes in one upload."""

_UPLOAD_KEY = re.compile(rf"{UPLOADS}[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")


def upload_key(upload_id: FileId) -> ObjectKey:
    """Where the bytes of an upload lie until they get their content's name."""
    return ObjectKey(f"{UPLOADS}{upload_id}")


def is_upload_key(key: ObjectKey) -> bool:
    """Whether the bytes under the key are still to get their content's name."""
    return _UPLOAD_KEY.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """A part that the client has sent: numbers count from 1, the tag is the store's answer."""

    number: int
    etag: str


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a client means to send. ``upload_id`` is the id of the file that it will become.

    All parts have ``part_bytes``, except the last. ``reference`` is the store's own name of the
    upload.
    """

    upload_id: FileId
    filename: str
    mime_type: str | None
    size_bytes: int
    part_bytes: int
    options: ImportOptions
    reference: str
    expires_at: datetime

    @property
    def part_count(self) -> int:
        return -(-self.size_bytes // self.part_bytes)


@dataclass(frozen=True, slots=True)
class DirectUpload:
    """An upload under way; ``parts`` once the client has said that they are all there."""

    upload: NewUpload
    parts: Sequence[UploadedPart] | None
