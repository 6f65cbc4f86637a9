"""Files that hold one thing, packed: a text, a document, or a tar archive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import JsonValue, ParsedItem
from domain.parsers.members import Member, items_of, member_layout, shared_unfolding
from domain.parsers.packing import Packing, packing_of
from domain.parsers.streaming import StreamingParser
from domain.parsers.tar_reading import looks_like_tar
from domain.ports.parser import ParseContext

_HEAD_BYTES = 512


class WholeFileParser(StreamingParser):
    """Reads a file from front to back as its one member; the file is one slice.

    Places are offsets into what is unpacked. Records carry the name of their own form as
    source, unless the import options name one.
    """

    version = "2"

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        size = file.seek(0, 2)
        file.seek(0)
        layout = member_layout(_member(context), file, shared_unfolding(context, size))
        if "refused" in layout:
            raise UnreadableFileError(layout["refused"])
        return layout

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        layout = self.describe(file, context)
        size = file.seek(0, 2)
        yield Slice(0, 0, size, size_bytes=size, context=layout)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        size = file.seek(0, 2)
        file.seek(0)
        yield from items_of(_member(context), file, shared_unfolding(context, size))


class PackedParser(WholeFileParser):
    """Reads what a gzip, bzip2, xz or Zstandard file holds by what that is."""

    def __init__(self, packing: Packing) -> None:
        self.name = packing.name
        self._packing = packing

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        return packing_of(file.read(_HEAD_BYTES)) is self._packing


class TarParser(WholeFileParser):
    """Reads every file in a tar archive; one that cannot be read is one rejected item."""

    name = "tar"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        return looks_like_tar(file.read(_HEAD_BYTES))


def _member(context: ParseContext) -> Member:
    return Member(None, context.filename)
