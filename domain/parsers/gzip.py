"""A single text file packed with gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import JsonValue, ParsedItem
from domain.parsers.form_detection import form_of
from domain.parsers.forms import Form, Head, Rejoined, Site, head_of
from domain.parsers.streaming import StreamingParser
from domain.parsers.zip_reading import RATIO_FREE_BYTES, looks_like_zip
from domain.ports.parser import ArchiveLimits, ParseContext

_MAGIC = b"\x1f\x8b"


class GzipParser(StreamingParser):
    """Reads what a gzip file holds by the form that it has; the file is one slice.

    Places are offsets into the unpacked stream. Records carry the name of their own form as
    source, unless the import options name one.
    """

    name = "gzip"
    version = "1"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        return looks_like_gzip(file.read(2))

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        form, head, _ = self._open(file, context)
        layout = form.layout(head, self._site(form, context))
        return {"packed": self.name, "parser": form.name, **layout}

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        layout = self.describe(file, context)
        yield Slice(0, 0, file.seek(0, 2), context=layout)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        form, head, stream = self._open(file, context)
        whole = Rejoined(head.content, stream)
        yield from form.items(whole, part.context, self._site(form, context))

    def _open(self, file: BinaryIO, context: ParseContext) -> tuple[Form, Head, Unpacked]:
        file.seek(0)
        stream = Unpacked(file, context.limits)
        head = head_of(stream)
        if looks_like_zip(head.content) or looks_like_gzip(head.content):
            raise UnreadableFileError("the gzip file holds another archive; upload that by itself")
        form = form_of(head, context.filename, forced=context.options.source)
        return form, head, stream

    def _site(self, form: Form, context: ParseContext) -> Site:
        return Site(as_member_of(context, form.name, packer=self.name))


class Unpacked:
    """A gzip stream unpacked while it is read, up to the limits of an archive.

    Raises:
        UnreadableFileError: by any read: damaged, cut off, or a bomb.
    """

    def __init__(self, packed: BinaryIO, limits: ArchiveLimits) -> None:
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=packed)
        self._limits = limits
        self._count = 0

    def read(self, size: int, /) -> bytes:
        try:
            content = self._stream.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UnreadableFileError(
                f"the gzip stream breaks after {self._count:,} unpacked bytes; pack it again",
                reason=str(error),
            ) from error
        self._count += len(content)
        self._check_limits()
        return content

    def _check_limits(self) -> None:
        limit = self._limits.max_uncompressed_bytes
        if self._count > limit:
            raise UnreadableFileError(
                f"the gzip file unpacks to more than {limit:,} bytes; split it or raise the limit"
            )
        if self._count > RATIO_FREE_BYTES:
            ratio = self._count / max(1, self._packed.tell())
            if ratio > self._limits.max_ratio:
                raise UnreadableFileError(
                    f"the gzip file unpacks to more than {self._limits.max_ratio:g} times its "
                    "size: it may be a bomb; raise the limit if it is none"
                )


def looks_like_gzip(head: bytes) -> bool:
    return head.startswith(_MAGIC)


def as_member_of(context: ParseContext, form: str, *, packer: str) -> ParseContext:
    """The context for what was unpacked: a source nobody named is the form's own name."""
    is_named = context.source_type != packer
    return context if is_named else replace(context, source_type=form)
