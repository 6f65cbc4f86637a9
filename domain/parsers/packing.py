"""Streams that are packed by gzip, bzip2, xz or Zstandard, unpacked while they are read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import RawIOBase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from domain.errors import UnreadableFileError
from domain.parsers.forms import ByteStream
from domain.ports.parser import Unfolding

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BROKEN_STREAM_ERRORS = (
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    pa.ArrowException,
    EOFError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Packing:
    """A way to pack one stream: how its files begin and are named, and how to unpack them."""

    name: str
    magic: bytes
    endings: Mapping[str, str]
    opened: Callable[[BinaryIO], ByteStream]

    def name_inside(self, name: str) -> str:
        """The name of what is packed: ``a.csv.gz`` holds ``a.csv``, ``a.tgz`` holds ``a.tar``."""
        suffix = PurePosixPath(name).suffix
        inner = self.endings.get(suffix.lower())
        return name if inner is None else name[: -len(suffix)] + inner


def _open_zstd(packed: BinaryIO) -> ByteStream:
    stream = pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")
    return cast("ByteStream", stream)


def _open_xz(packed: BinaryIO) -> ByteStream:
    return lzma.LZMAFile(packed)


GZIP = Packing(
    "gzip",
    b"\x1f\x8b",
    {".gz": "", ".gzip": "", ".tgz": ".tar"},
    lambda packed: gzip.GzipFile(fileobj=packed),
)
BZIP2 = Packing("bzip2", b"BZh", {".bz2": "", ".tbz2": ".tar", ".tbz": ".tar"}, bz2.BZ2File)
XZ = Packing("xz", b"\xfd7zXZ\x00", {".xz": "", ".txz": ".tar"}, _open_xz)
ZSTD = Packing("zstd", b"\x28\xb5\x2f\xfd", {".zst": "", ".zstd": "", ".tzst": ".tar"}, _open_zstd)
PACKINGS = (GZIP, BZIP2, XZ, ZSTD)


def packing_of(head: bytes) -> Packing | None:
    """The packing of a stream that begins so."""
    return next((packing for packing in PACKINGS if head.startswith(packing.magic)), None)


class Unpacked:
    """A packed stream, unpacked while it is read and counted against the limits.

    Once a read has failed, every later one fails alike.

    Raises:
        UnreadableFileError: by any read: damaged, cut off, or a bomb.
    """

    def __init__(self, packed: ByteStream, packing: Packing, unfolding: Unfolding) -> None:
        self._packing = packing
        self._stream = packing.opened(cast("BinaryIO", _Source(packed)))
        self._unfolding = unfolding
        self._count = 0
        self._error: UnreadableFileError | None = None

    def read(self, size: int, /) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            content = self._read(size)
            self._count += len(content)
            self._unfolding.count(size_bytes=len(content))
        except UnreadableFileError as error:
            self._error = error
            raise
        return content

    def _read(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except _BROKEN_STREAM_ERRORS as error:
            raise self._broken(error) from error
        except OSError as error:
            # bz2 and Arrow raise it without a number for bad data; with one it is the disk's.
            if error.errno is not None:
                raise
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> UnreadableFileError:
        return UnreadableFileError(
            f"the {self._packing.name} stream breaks after {self._count:,} unpacked bytes; "
            "pack it again",
            reason=str(error),
        )


class _Source(RawIOBase):
    """A stream with all the methods that unpackers expect of a file."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer)
        content = self._stream.read(len(room))
        room[: len(content)] = content
        return len(content)
