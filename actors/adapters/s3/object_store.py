"""Raw files in a bucket, named by their content."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import BinaryIO

from actors.adapters.s3.bucket import S3Bucket
from actors.adapters.s3.incoming import IncomingObject
from actors.adapters.s3.leftovers import remove_incoming
from actors.adapters.s3.ranged_file import ranged_file
from actors.store_settings import S3Settings
from domain.errors import InvalidUploadError, NotFoundError, ObjectStoreUnavailableError
from domain.models.files import StoredObject
from domain.models.ids import ObjectKey, is_content_key
from domain.models.uploads import MOST_PARTS, is_upload_key

PIECE_BYTES = 1024 * 1024


class S3ObjectStore:
    """Safe for several processes on one bucket: objects appear whole or not at all.

    The object of an upload that came straight from a client can be read, measured and deleted
    under its own key, too; it is not listed.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._bucket = S3Bucket(settings)
        self._one_ping = asyncio.Lock()

    async def store(
        self, data: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredObject:
        incoming = IncomingObject(self._bucket, part_bytes=self._part_bytes(max_bytes))
        try:
            async for piece in data:
                if max_bytes is not None and incoming.received_bytes + len(piece) > max_bytes:
                    raise InvalidUploadError(
                        f"the file is larger than {max_bytes} bytes", max_bytes=max_bytes
                    )
                if incoming.add(piece):
                    await self._bucket.run(incoming.send)
            return await self._bucket.run(incoming.finish)
        except BaseException:
            # Shielded: a caller that is cancelled once more must not leave parts either.
            await asyncio.shield(self._bucket.run(incoming.abort))
            raise

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[BinaryIO]:
        size = await self.size(key)
        with self._file(key, size) as file:
            yield file

    async def retrieve(self, key: ObjectKey) -> AsyncIterator[bytes]:
        """Also raises ``ObjectStoreUnavailableError`` at the end where the bytes are not those
        that the key names.
        """
        digest = sha256()
        async with self.open(key) as file:
            while piece := await self._bucket.run(file.read, PIECE_BYTES):
                digest.update(piece)
                yield piece
        if not is_upload_key(key) and not key.endswith(digest.hexdigest()):
            raise ObjectStoreUnavailableError(
                f"the object {key} is damaged: bring it back from a backup, or upload it again",
                key=key,
            )

    async def delete(self, key: ObjectKey) -> bool:
        try:
            await self.size(key)
        except NotFoundError:
            return False
        await self._bucket.run(self._bucket.delete, key)
        return True

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectKey]:
        pages = self._bucket.pages("list_objects_v2", prefix)
        while keys := await self._bucket.run(_next_keys, pages, len(self._settings.prefix)):
            for key in keys:
                if key.startswith(prefix) and is_content_key(key):
                    yield ObjectKey(key)

    async def size(self, key: ObjectKey) -> int:
        _check_key(key)
        return await self._bucket.run(self._bucket.size, key)

    async def remove_leftovers(self, *, untouched_seconds: float) -> int:
        return await self._bucket.run(remove_incoming, self._bucket, untouched_seconds)

    async def ping(self) -> None:
        # One at a time: while the server is silent, they must not take all the threads.
        async with self._one_ping:
            await self._bucket.run(self._bucket.prove_writable)

    async def close(self) -> None:
        await asyncio.to_thread(self._bucket.close)

    def _part_bytes(self, max_bytes: int | None) -> int:
        """As set, unless the largest upload would then have too many parts."""
        return max(self._settings.part_bytes, -(-(max_bytes or 0) // MOST_PARTS))

    def _file(self, key: ObjectKey, size: int) -> BinaryIO:
        def fetch(start: int, length: int) -> bytes:
            return self._bucket.read(key, start, length)

        return ranged_file(fetch, size, read_ahead_bytes=self._settings.read_ahead_bytes)


def _check_key(key: ObjectKey) -> None:
    """Only keys of our own form are looked for, so that none leads out of the prefix."""
    if not is_content_key(key) and not is_upload_key(key):
        raise NotFoundError(f"no object {key!r}", key=key)


def _next_keys(pages: Iterator[dict[str, object]], prefix_length: int) -> list[str]:
    """The keys of the next page that has any; none at the end."""
    for page in pages:
        contents = page.get("Contents")
        if isinstance(contents, list) and contents:
            return [entry["Key"][prefix_length:] for entry in contents]
    return []
