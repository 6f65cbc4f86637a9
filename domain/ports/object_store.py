"""Raw bytes of files."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import BinaryIO, Protocol

from domain.models.files import StoredObject
from domain.models.ids import ObjectKey


class ObjectStore(Protocol):
    """Keeps whole files, named by their content: equal bytes are stored once."""

    async def store(
        self, data: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredObject:
        """Store a stream without holding it whole; atomic: after any failure nothing is there.

        Raises:
            InvalidUploadError: more than ``max_bytes`` came.
            ObjectStoreUnavailableError: not stored; safe to retry. A full disk is named.
        """
        ...

    def open(self, key: ObjectKey) -> AbstractAsyncContextManager[BinaryIO]:
        """The object as a seekable binary file for blocking readers, closed on exit.

        Raises:
            NotFoundError: no such object.
        """
        ...

    def retrieve(self, key: ObjectKey) -> AsyncIterator[bytes]:
        """The object's bytes in order, in pieces of at most 1 MiB. Raises ``NotFoundError``."""
        ...

    async def delete(self, key: ObjectKey) -> bool:
        """Remove the object; ``False`` when there was none."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectKey]:
        """Keys of complete objects that start with ``prefix``, in order; no partial uploads."""
        ...

    async def size(self, key: ObjectKey) -> int:
        """Bytes of the object. Raises ``NotFoundError``."""
        ...

    async def remove_leftovers(self, *, untouched_seconds: float) -> int:
        """Remove what uploads left that died on their way and that nobody has touched for so long.

        Returns how many. Complete objects stay, and uploads that go on, in any process. To be
        called now and then; calling it twice at once does no harm.
        """
        ...

    async def ping(self) -> None:
        """Return when the store can be written; raise ``ObjectStoreUnavailableError`` if not."""
        ...

    async def close(self) -> None: ...
