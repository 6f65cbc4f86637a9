"""An object store in the process's own memory, for tests."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import BinaryIO

from domain.errors import InvalidUploadError, NotFoundError
from domain.models.files import StoredObject
from domain.models.ids import ObjectKey, content_key

PIECE_BYTES = 1024 * 1024


class InMemoryObjectStore:
    def __init__(self) -> None:
        self._objects: dict[ObjectKey, bytes] = {}

    async def store(
        self, data: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredObject:
        content = bytearray()
        async for piece in data:
            content += piece
            if max_bytes is not None and len(content) > max_bytes:
                raise InvalidUploadError(
                    f"the file is larger than {max_bytes} bytes", max_bytes=max_bytes
                )
        digest = sha256(content).hexdigest()
        key = content_key(digest)
        self._objects[key] = bytes(content)
        return StoredObject(key, digest, len(content))

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[BinaryIO]:
        with io.BytesIO(self._content(key)) as file:
            yield file

    async def retrieve(self, key: ObjectKey) -> AsyncIterator[bytes]:
        content = self._content(key)
        for start in range(0, len(content), PIECE_BYTES):
            yield content[start : start + PIECE_BYTES]

    async def delete(self, key: ObjectKey) -> bool:
        return self._objects.pop(key, None) is not None

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectKey]:
        for key in sorted(self._objects):
            if key.startswith(prefix):
                yield key

    async def size(self, key: ObjectKey) -> int:
        return len(self._content(key))

    async def remove_leftovers(self, *, untouched_seconds: float) -> int:
        return 0

    async def ping(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def _content(self, key: ObjectKey) -> bytes:
        if key not in self._objects:
            raise NotFoundError(f"no object {key!r}", key=key)
        return self._objects[key]
