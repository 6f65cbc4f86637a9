"""Reading zip archives that strangers made: streamed, checked, and never written to disk."""

from __future__ import annotations

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, BinaryIO

from domain.errors import UnreadableFileError
from domain.ports.parser import RATIO_FREE_BYTES, ArchiveLimits

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_END_RECORD = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_ZIP64_END_RECORD = struct.Struct("<4sQ2H2L4Q")
_ZIP64_END_SIGNATURE = b"PK\x06\x06"
_ZIP64_LOCATOR_BYTES = 20
_MAX_COMMENT_BYTES = 65_535

_ENCRYPTED_FLAG = 0x1
_UTF8_NAME_FLAG = 0x800
_UNICODE_PATH_FIELD = 0x7075
_MACOS_LEFTOVERS = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|\._[^/]*$)")
_DRIVE = re.compile(r"^[A-Za-z]:")

_STREAM_BUFFER_BYTES = 64 * 1024
_BROKEN_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    IndexError,
)


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One file in an archive. ``key`` is its name, made unique where names repeat."""

    key: str
    name: str
    size_bytes: int
    compressed_bytes: int
    crc32: int


class SafeZip:
    """An archive whose directory has been checked; ``entries`` are its files in stored order.

    Directories and what macOS leaves behind (``__MACOSX/``, ``.DS_Store``) are no entries;
    ``left_out`` counts them. Names whose UTF-8 flag was forgotten are decoded again.

    Raises:
        UnreadableFileError: no zip, truncated, in several parts, larger than
            ``limits`` allow, or with names that climb out of the archive.
    """

    def __init__(self, file: BinaryIO, limits: ArchiveLimits) -> None:
        archive_bytes = _check_end_record(file, limits)
        self._file = file
        with _as_unreadable("the zip's directory is damaged; export or download it again"):
            self._zip = zipfile.ZipFile(file)
        infos = self._zip.infolist()
        named = [(info, _name_of(info)) for info in infos]
        files = [(info, name) for info, name in named if _is_file(info, name)]
        for info, name in files:
            _check_entry(info, name, archive_bytes)
        _check_totals(infos, archive_bytes, limits)
        keys = _unique_keys([name for _, name in files])
        self._infos = {key: info for key, (info, _) in zip(keys, files, strict=True)}
        self.left_out = len(infos) - len(files)
        self.entries = tuple(
            ArchiveEntry(key, name, info.file_size, info.compress_size, info.CRC)
            for key, (info, name) in zip(keys, files, strict=True)
        )

    def open(self, entry: ArchiveEntry) -> BinaryIO:
        """Stream an entry; reading past what its directory promised, or less, is an error.

        Raises:
            UnreadableFileError: here or by any read: encrypted, damaged, wrong size or checksum, or
                packed by a method that cannot be unpacked.
        """
        self._check_readable(entry)
        with _as_unreadable(_damaged(entry)):
            stream = self._zip.open(self._infos[entry.key])
        return io.BufferedReader(_CheckedStream(stream, entry), _STREAM_BUFFER_BYTES)

    def read(self, entry: ArchiveEntry) -> bytes:
        """The whole entry, for those known to be small; raises as ``open`` does."""
        self._check_readable(entry)
        info = self._infos[entry.key]
        content = _read_plainly(self._file, info)
        if content is not None:
            return content
        with _as_unreadable(_damaged(entry)), self._zip.open(info) as stream:
            content = stream.read()
        _check_length(entry, len(content))
        return content

    def _check_readable(self, entry: ArchiveEntry) -> None:
        if self._infos[entry.key].flag_bits & _ENCRYPTED_FLAG:
            raise UnreadableFileError(
                f"the zip's entry {_shown(entry.name)} is encrypted; pack it without password"
            )


class _CheckedStream(io.RawIOBase):
    """Passes an entry's bytes on and compares their number with the promised one at the end."""

    def __init__(self, stream: IO[bytes], entry: ArchiveEntry) -> None:
        self._stream = stream
        self._entry = entry
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer)
        with _as_unreadable(_damaged(self._entry)):
            content = self._stream.read(len(room))
        room[: len(content)] = content
        self._count += len(content)
        if not content:
            _check_length(self._entry, self._count)
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


def looks_like_zip(head: bytes) -> bool:
    """Whether a file that begins so is an archive: a first entry, or none at all."""
    return head.startswith((b"PK\x03\x04", _END_SIGNATURE))


def _read_plainly(file: BinaryIO, info: zipfile.ZipInfo) -> bytes | None:
    """A stored or deflated entry in two reads, a third of what ``ZipFile.open`` costs a small one.

    ``None`` for whatever is not as it should be: ``zipfile`` then finds out what.
    """
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return None
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_SIGNATURE):
        return None
    *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
    packed = file.read(name_bytes + extra_bytes + info.compress_size)
    if packed[:name_bytes] != _raw_name(info):
        return None
    packed = packed[name_bytes + extra_bytes :]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            packed = unpacking.decompress(packed, info.file_size + 1)
        except zlib.error:
            return None
    is_whole = len(packed) == info.file_size and zlib.crc32(packed) == info.CRC
    return packed if is_whole else None


@contextmanager
def _as_unreadable(message: str) -> Iterator[None]:
    """Turn everything that a broken zip makes ``zipfile`` raise into our error."""
    try:
        yield
    except _BROKEN_ZIP_ERRORS as error:
        raise UnreadableFileError(message, reason=str(error)) from error
    except OSError as error:
        # bz2 raises OSError without a number for bad data; with one it is the disk's error.
        if error.errno is not None:
            raise
        raise UnreadableFileError(message, reason=str(error)) from error


def _check_end_record(file: BinaryIO, limits: ArchiveLimits) -> int:
    """Judge the archive by its last record, before anything grows with it; return its size."""
    archive_bytes = file.seek(0, io.SEEK_END)
    tail_start = file.seek(max(0, archive_bytes - _END_RECORD.size - _MAX_COMMENT_BYTES))
    tail = file.read()
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END_RECORD.size:
        raise UnreadableFileError("not a zip, or its end is missing; upload the whole file again")
    _, disk, first_disk, _, count, _, _, comment_bytes = _END_RECORD.unpack_from(tail, at)
    if len(tail) - at - _END_RECORD.size != comment_bytes:
        raise UnreadableFileError(
            "the zip's end is cut or followed by other bytes; upload the file again as it was made"
        )
    if (disk, first_disk) not in {(0, 0), (0xFFFF, 0xFFFF)}:
        raise UnreadableFileError("the zip is one part of several; join them into one archive")
    zip64 = _zip64_entry_count(file, tail_start + at)
    if max(zip64, count) > limits.max_entries:
        raise UnreadableFileError(
            f"the zip has {max(zip64, count):,} entries, more than the {limits.max_entries:,} "
            "allowed; split the export"
        )
    return archive_bytes


def _zip64_entry_count(file: BinaryIO, end_record_at: int) -> int:
    """How many entries the zip64 record before the end record counts; 0 where there is none."""
    start = end_record_at - _ZIP64_LOCATOR_BYTES - _ZIP64_END_RECORD.size
    if start < 0:
        return 0
    file.seek(start)
    record = file.read(_ZIP64_END_RECORD.size)
    if not record.startswith(_ZIP64_END_SIGNATURE):
        return 0
    return int(_ZIP64_END_RECORD.unpack(record)[7])


def _check_totals(infos: list[zipfile.ZipInfo], archive_bytes: int, limits: ArchiveLimits) -> None:
    if len(infos) > limits.max_entries:
        raise UnreadableFileError(
            f"the zip has {len(infos):,} entries, more than the {limits.max_entries:,} allowed; "
            "split the export"
        )
    total = sum(info.file_size for info in infos)
    if total > limits.max_uncompressed_bytes:
        raise UnreadableFileError(
            f"the zip unpacks to {total:,} bytes, more than the "
            f"{limits.max_uncompressed_bytes:,} allowed; split the export or raise the limit"
        )
    if total > RATIO_FREE_BYTES and total > limits.max_ratio * archive_bytes:
        raise UnreadableFileError(
            f"the zip unpacks to {total / archive_bytes:,.0f} times its size, more than the "
            f"{limits.max_ratio:g} allowed: it may be a bomb; pack it anew or raise the limit"
        )


def _check_entry(info: zipfile.ZipInfo, name: str, archive_bytes: int) -> None:
    if name.startswith("/") or _DRIVE.match(name) or "\\" in name or ".." in name.split("/"):
        raise UnreadableFileError(
            f"the zip's entry {_shown(name)} points outside of the archive; "
            "pack it anew with plain relative names"
        )
    # An encrypted entry has twelve bytes more than what it holds.
    is_encrypted = bool(info.flag_bits & _ENCRYPTED_FLAG)
    is_stored = info.compress_type == zipfile.ZIP_STORED and not is_encrypted
    is_inside = 0 <= info.header_offset <= archive_bytes - info.compress_size
    if not is_inside or (is_stored and info.compress_size != info.file_size):
        raise UnreadableFileError(
            f"the place or size of the zip's entry {_shown(name)} is wrong; "
            "export or download it again"
        )


def _check_length(entry: ArchiveEntry, length: int) -> None:
    if length != entry.size_bytes:
        raise UnreadableFileError(
            f"the zip's entry {_shown(entry.name)} holds {length:,} bytes where "
            f"{entry.size_bytes:,} are promised; export or download it again"
        )


def _is_file(info: zipfile.ZipInfo, name: str) -> bool:
    return bool(name) and not info.is_dir() and not _MACOS_LEFTOVERS.search(name)


def _name_of(info: zipfile.ZipInfo) -> str:
    """The entry's name; bytes that ``zipfile`` took for cp437 are UTF-8 where they can be."""
    if info.filename.isascii() and not info.extra:
        return info.filename
    raw = _raw_name(info)
    stated = _unicode_path(info.extra, raw)
    try:
        return (stated or raw).decode("utf-8").split("\0")[0]
    except UnicodeDecodeError:
        return info.filename


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    is_utf8 = info.flag_bits & _UTF8_NAME_FLAG
    return info.orig_filename.encode("utf-8" if is_utf8 else "cp437")


def _unicode_path(extra: bytes, raw_name: bytes) -> bytes | None:
    """The name in the extra field that Info-ZIP adds, if it still belongs to ``raw_name``."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<2H", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH_FIELD and len(field) > 5:
            (checksum,) = struct.unpack_from("<L", field, 1)
            return field[5:] if checksum == zlib.crc32(raw_name) else None
    return None


def _unique_keys(names: list[str]) -> list[str]:
    """``names``, where the second of the same becomes ``name#2`` and so on."""
    taken: set[str] = set()
    repeats: Counter[str] = Counter()
    keys = []
    for name in names:
        key = name
        while key in taken:
            repeats[name] += 1
            key = f"{name}#{repeats[name] + 1}"
        taken.add(key)
        keys.append(key)
    return keys


def _damaged(entry: ArchiveEntry) -> str:
    return (
        f"the zip's entry {_shown(entry.name)} is damaged or packed by an unknown method; "
        "export or download it again"
    )


def _shown(name: str) -> str:
    return repr(name if len(name) <= 100 else name[:99] + "…")
