"""Forms of text that are read forward: from a file, a slice of it, or an archive's member."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from domain.errors import UnreadableFileError
from domain.models.files import ImportOptions, Slice
from domain.models.records import JsonValue, ParsedItem, Place, make_place
from domain.parsers.streaming import StreamingParser
from domain.ports.parser import ParseContext

HEAD_BYTES = 1024**2
BLOCK_BYTES = 1024**2
MAX_RECORD_BYTES = 16 * 1024**2
MAX_RAW_BYTES = 4096
IS_LAST = "is_last"
"""Key in a slice's context that says whether the file ends with it; a stream without it does."""
_NO_OPTIONS = ImportOptions()


class ByteStream(Protocol):
    """Bytes that are read once, from front to back."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a stream, and whether they are all of it."""

    content: bytes
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stream's items stand: the file that they come from, and the member of it."""

    context: ParseContext
    member: str | None = None

    @property
    def name(self) -> str:
        """What a reader calls the stream: the member's name, else the file's."""
        return self.member or self.context.filename

    def place(self, start: int, end: int, ordinal: int = 0) -> Place:
        return make_place(start, end, self.member, ordinal)


@dataclass(frozen=True, slots=True)
class Cut:
    """The end of a slice, and what reading the next one needs to know beside the layout."""

    end: int
    context: Mapping[str, JsonValue]


class Section:
    """The next ``size`` bytes of a file, as a stream."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int, /) -> bytes:
        content = self._file.read(min(size, self._left))
        self._left -= len(content)
        return content


class Rejoined:
    """A stream of which some first bytes were read already."""

    def __init__(self, first: bytes, rest: ByteStream) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if not self._first:
            return self._rest.read(size)
        content, self._first = self._first[:size], self._first[size:]
        return content


class Form(StreamingParser):
    """A parser of one form of text, which it reads from any forward stream.

    What it finds out from the stream's head is the layout: JSON values that describe the form
    to users, travel in every slice's context, and make all slices be read alike.
    """

    @abstractmethod
    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        """Find out how a stream is written.

        Raises:
            UnreadableFileError: not this form; a sentence with the fix.
        """

    @abstractmethod
    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        """Yield the items of a stream whose first byte stands at offset ``start``."""

    def cuts(
        self, file: BinaryIO, layout: Mapping[str, JsonValue], *, slice_bytes: int
    ) -> Iterator[Cut]:
        """Yield the record borders at which to cut, each about ``slice_bytes`` after the last.

        The file's end is none of them. By default a file is one slice.
        """
        yield from ()

    def accepts(self, file: BinaryIO) -> bool:
        site = Site(ParseContext("upload", self.name, "", _NO_OPTIONS))
        try:
            self.layout(read_head(file), site)
        except UnreadableFileError:
            return False
        return True

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        return self.layout(read_head(file), Site(context))

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        layout = self.layout(read_head(file), Site(context))
        size = file.seek(0, 2)
        number, start, extra = 0, 0, dict[str, JsonValue]()
        for cut in self.cuts(file, layout, slice_bytes=slice_bytes):
            if cut.end >= size:
                break
            yield _slice(number, start, cut.end, layout | extra | {IS_LAST: False})
            number, start, extra = number + 1, cut.end, dict(cut.context)
        if start < size:
            yield _slice(number, start, size, layout | extra)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        file.seek(part.start)
        section = Section(file, part.end - part.start)
        yield from self.items(section, part.context, Site(context), start=part.start)


def read_head(file: BinaryIO, size: int = HEAD_BYTES) -> Head:
    """The head of a seekable file.

    Raises:
        UnreadableFileError: the file is empty.
    """
    file.seek(0)
    return head_of(file, size)


def head_of(stream: ByteStream, size: int = HEAD_BYTES) -> Head:
    """Read a stream's head from it.

    Raises:
        UnreadableFileError: the stream is empty.
    """
    head = peek(stream, size)
    if not head.content:
        raise UnreadableFileError("the file is empty; export it again")
    return head


def peek(stream: ByteStream, size: int = HEAD_BYTES) -> Head:
    """Read a stream's head from it, which may be empty."""
    content = read_fully(stream, size)
    return Head(content, is_whole=len(content) < size)


def read_fully(stream: ByteStream, size: int) -> bytes:
    """``size`` bytes, or what the stream still has."""
    parts = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def raw_start(raw: bytes) -> bytes:
    """As much of an item's bytes as a ``RejectedItem`` may hold."""
    return raw[:MAX_RAW_BYTES]


def _slice(number: int, start: int, end: int, context: Mapping[str, JsonValue]) -> Slice:
    return Slice(number, start, end, size_bytes=end - start, context=context)
