"""Reading tar archives forward, from any stream; nothing is ever written to disk."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, cast

from domain.errors import UnreadableFileError
from domain.parsers.forms import ByteStream
from domain.ports.parser import Unfolding

NO_FILE = "link_or_device"

_MARK, _MARK_AT = b"ustar", 257
_HEADER_BYTES = 512
_CHECKSUM_AT = slice(148, 156)
_MACOS_LEFTOVERS = re.compile(r"(^|/)(\.DS_Store$|\._[^/]*$)")
_BROKEN_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, OverflowError, IndexError)


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file in a tar; ``key`` is its name, made unique where names repeat.

    ``stream`` is to be read before the next entry is asked for. ``refusal`` says why an entry
    is not to be read, ``dropped_by`` is the rule that leaves it out.
    """

    key: str
    name: str
    size_bytes: int
    stream: ByteStream
    refusal: str | None = None
    dropped_by: str | None = None


def looks_like_tar(head: bytes) -> bool:
    """Whether a file begins with a tar header; those of before 1988 are told by their checksum."""
    if head[_MARK_AT:].startswith(_MARK):
        return True
    header = head[:_HEADER_BYTES]
    if len(header) < _HEADER_BYTES or not header[0] or b"\0" not in header[:100]:
        return False
    try:
        stated = int(header[_CHECKSUM_AT].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stated == sum(header[: _CHECKSUM_AT.start]) + 8 * 32 + sum(header[_CHECKSUM_AT.stop :])


def tar_members(stream: ByteStream, unfolding: Unfolding) -> Iterator[TarEntry]:
    """Every entry that is no folder, in stored order.

    Raises:
        UnreadableFileError: the archive breaks off, or has too many entries.
    """
    repeats: Counter[str] = Counter()
    with (
        _as_unreadable(),
        tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive,
    ):
        while info := archive.next():
            # The library remembers every entry; a million of them fill the memory.
            archive.members = []  # type: ignore[attr-defined]  # not in its stubs
            if info.isdir() or _MACOS_LEFTOVERS.search(info.name):
                continue
            unfolding.count(entries=1)
            yield _entry(archive, info, repeats)


@contextmanager
def _as_unreadable() -> Iterator[None]:
    try:
        yield
    except _BROKEN_TAR_ERRORS as error:
        raise UnreadableFileError(
            "the tar archive is damaged or cut off; pack it again", reason=str(error)
        ) from error


class _EntryStream:
    """An entry's bytes, with our error where the archive breaks off within them."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        with _as_unreadable():
            return self._stream.read(size)


def _entry(archive: tarfile.TarFile, info: tarfile.TarInfo, repeats: Counter[str]) -> TarEntry:
    name = info.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    name = name.removeprefix("./")
    repeats[name] += 1
    key = name if repeats[name] == 1 else f"{name}#{repeats[name]}"
    refusal = dropped_by = None
    stream: ByteStream = BytesIO()
    if name.startswith("/") or ".." in name.split("/"):
        refusal = "it points outside of the archive; pack it anew with plain relative names"
    elif not info.isreg():
        dropped_by = NO_FILE
    elif extracted := archive.extractfile(info):
        stream = _EntryStream(extracted)
    return TarEntry(key, name, info.size, stream, refusal, dropped_by)
