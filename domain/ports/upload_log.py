"""Which uploads are on their way from a client to the object store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.models.ids import FileId
from domain.models.uploads import DirectUpload, NewUpload, UploadedPart


class UploadLog(Protocol):
    """The rows of ``direct_uploads``: from the first word until there is a file import."""

    async def create(self, upload: NewUpload) -> None: ...

    async def get(self, upload_id: FileId) -> DirectUpload:
        """Raises ``NotFoundError``."""
        ...

    async def note_parts(self, upload_id: FileId, parts: Sequence[UploadedPart] | None) -> None:
        """Keep what the client says is complete; ``None`` takes it back.

        From now on the file comes into being even if nobody asks again.
        """
        ...

    async def forget(self, upload_id: FileId) -> None:
        """Remove the row, if it is there."""
        ...

    async def expired(self, *, limit: int) -> Sequence[DirectUpload]:
        """Uploads whose time is over and that nobody has called complete."""
        ...

    async def unfinished(self, *, noted_seconds: float, limit: int) -> Sequence[DirectUpload]:
        """Uploads that were called complete so long ago, and are no file import yet."""
        ...
