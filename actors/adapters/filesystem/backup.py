"""A backup: a directory of files that are written once, and a manifest that is written last.

::

    tables/parsed_content.00001.copy   rows, in PostgreSQL's binary COPY format
    vectors/00001.parquet              vectors of one page of chunks
    objects/sha256/ab/cd/abcd…         files' raw bytes, as an object store keeps them
    wheels/ab12…/acme-2.0….whl         wheels of added modules
    backup.json                        what belongs to it, with sizes and SHA-256

Without ``backup.json`` it is none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import orjson

from actors.adapters.filesystem.backup_manifest import BackupFacts, Manifest, StoredFile, StoredPage
from actors.adapters.filesystem.object_store import FilesystemObjectStore
from actors.adapters.filesystem.vector_files import read_vectors, write_vectors
from domain.errors import ConflictError, NotFoundError, ObjectStoreUnavailableError
from domain.models.ids import ChunkId
from domain.models.moving import KeptVector
from domain.ports.moving import NamedObject, Origin, RowPage, Table

MANIFEST = "backup.json"
PIECE_BYTES = 1024 * 1024


class BackupWriter:
    """Writes a backup into an empty directory. Fulfils ``RowSink``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.objects = FilesystemObjectStore(directory / "objects")
        self._pages: dict[str, list[StoredPage]] = {}
        self._vectors: list[StoredFile] = []
        self._wheels: list[StoredFile] = []

    @classmethod
    def create(cls, directory: Path) -> BackupWriter:
        """Begin a backup.

        Raises:
            ConflictError: the directory holds something.
            ObjectStoreUnavailableError: it cannot be written.
        """
        with _translated(directory):
            if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
                raise ConflictError(f"{directory} is not empty: name a new directory")
            for name in ("tables", "vectors", "wheels"):
                (directory / name).mkdir(parents=True, exist_ok=True)
        return cls(directory)

    async def append(self, page: RowPage) -> None:
        pages = self._pages.setdefault(page.table.name, [])
        path = f"tables/{page.table.name}.{len(pages) + 1:05}.copy"
        file = await asyncio.to_thread(self._keep, path, page.content)
        pages.append(StoredPage(file, page.rows))

    async def keep_vectors(self, number: int, vectors: Sequence[KeptVector]) -> None:
        """Keep the vectors of the page of chunks that has the number."""
        path = _vectors_path(number)
        await asyncio.to_thread(write_vectors, self._directory / path, vectors)
        self._vectors.append(await asyncio.to_thread(self._sealed, path))

    async def keep_wheel(self, wheel: Path) -> None:
        """Keep a module's wheel, which lies in a directory named by its SHA-256."""
        path = f"wheels/{wheel.parent.name}/{wheel.name}"
        with wheel.open("rb") as content:
            self._wheels.append(await asyncio.to_thread(self._keep, path, content))

    async def finish(
        self, origin: Origin, objects: Sequence[NamedObject], facts: BackupFacts
    ) -> Manifest:
        """Everything is here: write the manifest. ``objects`` are those that were kept."""
        manifest = Manifest(origin, self._pages, self._vectors, self._wheels, tuple(objects), facts)
        await asyncio.to_thread(self._write_manifest, manifest)
        return manifest

    def _keep(self, path: str, content: BinaryIO) -> StoredFile:
        place = self._directory / path
        digest, size = sha256(), 0
        with _translated(self._directory):
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                while piece := content.read(PIECE_BYTES):
                    digest.update(piece)
                    size += file.write(piece)
                _sync(file)
        return StoredFile(path, size, digest.hexdigest())

    def _sealed(self, path: str) -> StoredFile:
        place = self._directory / path
        with _translated(self._directory), place.open("rb+") as file:
            digest = file_digest(file, "sha256").hexdigest()
            _sync(file)
            return StoredFile(path, place.stat().st_size, digest)

    def _write_manifest(self, manifest: Manifest) -> None:
        fresh = self._directory / f"{MANIFEST}.new"
        with _translated(self._directory):
            with fresh.open("wb") as file:
                file.write(orjson.dumps(manifest.to_json(), option=orjson.OPT_INDENT_2))
                _sync(file)
            fresh.replace(self._directory / MANIFEST)


class BackupReader:
    """Reads a complete backup. Fulfils ``RowSource``; opening it reads the manifest only."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self._directory = directory
        self.manifest = manifest
        self.objects = FilesystemObjectStore(directory / "objects")

    @classmethod
    def open(cls, directory: Path) -> BackupReader:
        """Read what the backup says of itself.

        Raises:
            NotFoundError: it is none, or was never finished.
            ConflictError: its manifest cannot be read.
        """
        path = directory / MANIFEST
        if not path.is_file():
            raise NotFoundError(
                f"{directory} is no complete backup: it has no {MANIFEST}, which is written last"
            )
        try:
            manifest = Manifest.from_json(orjson.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConflictError(f"{path} is damaged: use another backup") from error
        return cls(directory, manifest)

    def check(self) -> None:
        """Compare every file with the manifest; blocks, and reads all but the objects.

        Objects are compared by size here, and byte for byte when they are stored.

        Raises:
            ConflictError: a file is missing or another; it names it.
        """
        for stored in self.manifest.files():
            path = self._directory / stored.path
            with _translated(self._directory), _opened(path) as file:
                if file_digest(file, "sha256").hexdigest() != stored.sha256:
                    raise ConflictError(f"{path} is damaged: use another backup")
        for named in self.manifest.objects:
            path = self._directory / "objects" / named.key
            if not path.is_file() or path.stat().st_size != named.size_bytes:
                raise ConflictError(f"{path} is missing or damaged: use another backup")

    async def origin(self) -> Origin:
        return self.manifest.origin

    async def pages(self, table: Table, *, after: str | None) -> AsyncIterator[RowPage]:
        done = int(after) if after else 0
        pages = self.manifest.pages.get(table.name, ())
        for number, page in enumerate(pages[done:], start=done + 1):
            with (self._directory / page.file.path).open("rb") as content:
                yield RowPage(table, str(number), page.rows, content)

    async def vectors(self, number: int) -> Mapping[ChunkId, KeptVector]:
        """The vectors of the page of chunks that had the number."""
        path = self._directory / _vectors_path(number)
        if not path.exists():
            return {}
        return await asyncio.to_thread(read_vectors, path)

    def wheels(self) -> Sequence[Path]:
        return [self._directory / stored.path for stored in self.manifest.wheels]


def _vectors_path(number: int) -> str:
    return f"vectors/{number:05}.parquet"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise ConflictError(f"{path} is missing: use another backup") from error
    with file:
        yield file


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ObjectStoreUnavailableError(
            f"the backup in {directory} cannot be written or read: {reason}"
        ) from error
