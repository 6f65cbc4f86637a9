"""Raw files in a local directory, named by their content.

::

    objects/sha256/ab/cd/abcd…    complete objects
    objects/incoming/…            uploads under way; a crash leaves them, age removes them
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from domain.errors import InvalidUploadError, NotFoundError, ObjectStoreUnavailableError
from domain.models.files import StoredObject
from domain.models.ids import ObjectKey, content_key, is_content_key

PIECE_BYTES = 1024 * 1024
LEFTOVER_SECONDS = 24 * 3600
_HEX_NAME = re.compile(r"[0-9a-f]{2}|[0-9a-f]{64}")


class FilesystemObjectStore:
    """Safe for several processes on one directory: objects appear by rename, whole or not at all.

    Blocking work runs in threads, a mebibyte or more at a time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._incoming = self._directory / "incoming"
        with _translated(self._directory):
            self._incoming.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self._incoming, LEFTOVER_SECONDS)

    async def store(
        self, data: AsyncIterable[bytes], *, max_bytes: int | None = None
    ) -> StoredObject:
        upload = await asyncio.to_thread(_Upload.begin, self._incoming)
        try:
            async for piece in data:
                if max_bytes is not None and upload.received_bytes + len(piece) > max_bytes:
                    raise InvalidUploadError(
                        f"the file is larger than {max_bytes} bytes", max_bytes=max_bytes
                    )
                if upload.add(piece):
                    await asyncio.to_thread(upload.write)
            return await asyncio.to_thread(upload.finish, self._directory)
        finally:
            # No await: a cancelled upload must not leave its file either.
            upload.discard()

    @asynccontextmanager
    async def open(self, key: ObjectKey) -> AsyncIterator[BinaryIO]:
        file = await asyncio.to_thread(self._open, key)
        try:
            yield file
        finally:
            file.close()

    async def retrieve(self, key: ObjectKey) -> AsyncIterator[bytes]:
        async with self.open(key) as file:
            while piece := await asyncio.to_thread(self._read, file):
                yield piece

    async def delete(self, key: ObjectKey) -> bool:
        return await asyncio.to_thread(self._delete, key)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectKey]:
        root = self._directory / "sha256"
        for first in await asyncio.to_thread(_names, root):
            for second in await asyncio.to_thread(_names, root / first):
                for name in await asyncio.to_thread(_names, root / first / second):
                    key = f"sha256/{first}/{second}/{name}"
                    if key.startswith(prefix) and is_content_key(key):
                        yield ObjectKey(key)

    async def size(self, key: ObjectKey) -> int:
        return await asyncio.to_thread(self._size, key)

    async def remove_leftovers(self, *, untouched_seconds: float) -> int:
        return await asyncio.to_thread(self._remove_leftovers, untouched_seconds)

    async def ping(self) -> None:
        await asyncio.to_thread(self._probe)

    async def close(self) -> None:
        return None

    def _path(self, key: ObjectKey) -> Path:
        """Only keys of our own form lead to a path, so none leads out of the directory."""
        if not is_content_key(key):
            raise NotFoundError(f"no object {key!r}", key=key)
        return self._directory / key

    def _open(self, key: ObjectKey) -> BinaryIO:
        with _translated(self._directory, key):
            return self._path(key).open("rb")

    def _read(self, file: BinaryIO) -> bytes:
        with _translated(self._directory):
            return file.read(PIECE_BYTES)

    def _size(self, key: ObjectKey) -> int:
        with _translated(self._directory, key):
            return self._path(key).stat().st_size

    def _delete(self, key: ObjectKey) -> bool:
        with suppress(NotFoundError), _translated(self._directory, key):
            self._path(key).unlink()
            return True
        return False

    def _remove_leftovers(self, untouched_seconds: float) -> int:
        with _translated(self._directory):
            return _remove_leftovers(self._incoming, untouched_seconds)

    def _probe(self) -> None:
        with _translated(self._directory), tempfile.TemporaryFile(dir=self._incoming) as file:
            file.write(b"\0")


class _Upload:
    """One temporary file on its way to become an object. Every method but ``add`` blocks."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._digest = sha256()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.received_bytes = 0

    @classmethod
    def begin(cls, incoming: Path) -> _Upload:
        with _translated(incoming):
            descriptor, name = tempfile.mkstemp(dir=incoming)
            return cls(os.fdopen(descriptor, "wb", buffering=0), Path(name))

    def add(self, piece: bytes) -> bool:
        """Take a piece; ``True`` when enough has come together to be written."""
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self.received_bytes += len(piece)
        return self._waiting_bytes >= PIECE_BYTES

    def write(self) -> None:
        with _translated(self._path):
            for piece in self._waiting:
                self._digest.update(piece)
                _write_all(self._file, piece)
        self._waiting.clear()
        self._waiting_bytes = 0

    def finish(self, directory: Path) -> StoredObject:
        """Name the file by its content, durably."""
        self.write()
        digest = self._digest.hexdigest()
        key = content_key(digest)
        target = directory / key
        with _translated(directory):
            os.fsync(self._file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            self._path.replace(target)
            for parent in (target.parent, *target.parents[1:4]):
                _sync_directory(parent)
        return StoredObject(key, digest, self.received_bytes)

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


def _write_all(file: BinaryIO, piece: bytes) -> None:
    """An unbuffered file may take less than it is given, which is how a full disk begins."""
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(directory: Path) -> list[str]:
    with _translated(directory), suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(directory) if _HEX_NAME.fullmatch(name))
    return []


def _remove_leftovers(incoming: Path, untouched_seconds: float) -> int:
    oldest = time.time() - untouched_seconds
    removed = 0
    for path in incoming.iterdir():
        # Another process may be tidying up at the same moment.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _translated(path: Path, key: ObjectKey | None = None) -> Iterator[None]:
    """Turn what the operating system says into our errors, naming the disk and the fix."""
    try:
        yield
    except FileNotFoundError as error:
        if key is None:
            raise ObjectStoreUnavailableError(
                f"the object directory {path} is gone: bring it back", path=str(path)
            ) from error
        raise NotFoundError(f"no object {key!r}", key=key) from error
    except OSError as error:
        raise ObjectStoreUnavailableError(_sentence(error, path), path=str(path)) from error


def _sentence(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            # An upload's temporary name would tell nobody anything.
            holder = path if path.is_dir() else path.parent
            return f"the disk that holds {holder} is full: make room and try again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{path} cannot be written or read: check its permissions"
        case _:
            return f"{path} does not answer: {error.strerror or error}"
