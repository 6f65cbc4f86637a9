"""Uploads that go straight from the client to the object store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.models.files import StoredObject
from domain.models.ids import FileId
from domain.models.uploads import NewUpload, UploadedPart


class DirectUploads(Protocol):
    """The object store's side. Every method may raise ``ObjectStoreUnavailableError``.

    An upload's bytes lie under ``upload_key(upload_id)``, where ``ObjectStore`` can read, measure
    and delete them, until they are named by their content.
    """

    async def begin(self, upload_id: FileId) -> str:
        """Begin an upload in parts; returns the store's own name of it."""
        ...

    async def part_urls(
        self, upload: NewUpload, numbers: Sequence[int], *, expires_seconds: int
    ) -> list[str]:
        """For each part a URL that takes its bytes by ``PUT``, for so long. Asks nobody."""
        ...

    async def complete(self, upload: NewUpload, parts: Sequence[UploadedPart]) -> int:
        """Make one object of the parts, in the order of their numbers; returns its bytes.

        That it was done before is no error.

        Raises:
            NotFoundError: the upload is gone, and there is no object.
            InvalidUploadError: a part is missing, or is not as it was named.
        """
        ...

    async def abort(self, upload: NewUpload) -> None:
        """Give the upload up with all its parts, or its object; no error if there is none."""
        ...

    async def name_by_content(self, upload_id: FileId) -> StoredObject:
        """Read the object once and store it, within the store, under its content's key.

        It stays under its old key, too, until ``discard``. May be repeated.

        Raises:
            NotFoundError: there is no such object.
        """
        ...

    async def discard(self, upload_id: FileId) -> None:
        """Remove the object under the upload's key, if there is one."""
        ...

    async def left(self, *, untouched_seconds: float) -> Sequence[FileId]:
        """Uploads that are unfinished, or whose objects are still there, untouched for so long."""
        ...

    async def abort_all(self, upload_id: FileId) -> None:
        """Remove everything that lies under the upload's key, finished or not."""
        ...

    async def close(self) -> None: ...
