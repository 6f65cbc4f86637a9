"""Reading what is packed in a file, whatever it is: a text, a document, another archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.columnar import looks_like_columns
from domain.parsers.form_detection import form_of
from domain.parsers.forms import BLOCK_BYTES, ByteStream, Form, Head, Rejoined, Site, peek
from domain.parsers.packing import Unpacked, packing_of
from domain.parsers.tar_reading import looks_like_tar, tar_members
from domain.parsers.zip_reading import SafeZip, looks_like_zip
from domain.ports.parser import ParseContext, Parser, Unfolding

EMPTY_MEMBER = "empty_member"
PACKERS = frozenset(("archive", "tar", "gzip", "bzip2", "xz", "zstd", "email"))
"""Parsers whose name says nothing about the records: these carry the name of their own form."""

SPOOL_BYTES = 16 * 1024**2
"""A packed file that has to be read from both ends is kept in memory up to this size."""
_NO_SLICING = 2**62


@dataclass(frozen=True, slots=True)
class Member:
    """Something inside of a file.

    ``key`` is its place's member: the way to it, ``outer.zip!/inner.csv``, or ``None`` where the
    file holds nothing else. ``name`` is what it is called there. ``size_bytes`` 0 is unknown.
    """

    key: str | None
    name: str
    size_bytes: int = 0


def member_key(outer: str | None, inner: str | None) -> str | None:
    """The way to a member of a member."""
    return f"{outer}!/{inner}" if outer and inner else outer or inner


def shared_unfolding(context: ParseContext, packed_bytes: int) -> ParseContext:
    """The context with one count of what is unpacked, unless an outer archive has begun it."""
    if context.unfolding is not None:
        return context
    return replace(context, unfolding=Unfolding(context.limits, packed_bytes))


def as_member_of(context: ParseContext, form: str) -> ParseContext:
    """The context for what was unpacked: a source nobody named is the form's own name."""
    is_named = context.source_type not in PACKERS
    return context if is_named else replace(context, source_type=form)


def member_items(member: Member, stream: ByteStream, context: ParseContext) -> Iterator[ParsedItem]:
    """Everything in a member; what stops its reading becomes its last item, rejected."""
    try:
        yield from items_of(member, stream, context)
    except UnreadableFileError as error:
        place = Place(0, member.size_bytes, member.key)
        yield RejectedItem(f"{member.name}: {error.message}", place)


def items_of(
    member: Member, stream: ByteStream, context: ParseContext, *, is_unpacked: bool = False
) -> Iterator[ParsedItem]:
    """Everything in a member.

    Raises:
        UnreadableFileError: the rest of it cannot be read.
    """
    _check_depth(context)
    head = peek(stream)
    if not head.content:
        yield DroppedItem(EMPTY_MEMBER, Place(0, 0, member.key))
    elif packing := packing_of(head.content):
        inner = replace(member, name=packing.name_inside(member.name))
        deeper = one_deeper(context) if is_unpacked else context
        unpacked = Unpacked(_whole(head, stream), packing, _unfolding(context))
        yield from items_of(inner, unpacked, deeper, is_unpacked=True)
    elif looks_like_tar(head.content):
        yield from _tar_items(member, _whole(head, stream), one_deeper(context))
    elif looks_like_zip(head.content) or looks_like_columns(head.content):
        yield from _spooled_items(member, _whole(head, stream), context)
    else:
        form = form_of(head, member.name, forced=context.options.source)
        yield from _form_items(form, head, stream, member, context)


def member_layout(
    member: Member, stream: ByteStream, context: ParseContext
) -> dict[str, JsonValue]:
    """What can be said of a member by its beginning; of archives, only that they are some."""
    try:
        head = peek(stream)
        if not head.content:
            return {"format": "empty"}
        if packing := packing_of(head.content):
            inner = replace(member, name=packing.name_inside(member.name))
            unpacked = Unpacked(_whole(head, stream), packing, _unfolding(context))
            return {"packed": packing.name, **member_layout(inner, unpacked, context)}
        if looks_like_tar(head.content):
            return {"format": "tar"}
        if looks_like_zip(head.content):
            return {"format": "zip"}
        if looks_like_columns(head.content):
            return {"format": "parquet or arrow"}
        form = form_of(head, member.name, forced=context.options.source)
        site = Site(as_member_of(context, form.name), member.key)
        return {"parser": form.name, **form.layout(head, site)}
    except UnreadableFileError as error:
        return {"refused": error.message}


def _form_items(
    form: Form, head: Head, stream: ByteStream, member: Member, context: ParseContext
) -> Iterator[ParsedItem]:
    site = Site(as_member_of(context, form.name), member.key)
    layout = form.layout(head, site)
    yield from form.items(_whole(head, stream), layout, site)


def _tar_items(member: Member, stream: ByteStream, context: ParseContext) -> Iterator[ParsedItem]:
    is_empty = True
    for entry in tar_members(stream, _unfolding(context)):
        is_empty = False
        inner = Member(member_key(member.key, entry.key), entry.name, entry.size_bytes)
        if entry.refusal is not None:
            yield RejectedItem(f"{entry.name}: {entry.refusal}", Place(0, 0, inner.key))
        elif entry.dropped_by is not None:
            yield DroppedItem(entry.dropped_by, Place(0, 0, inner.key))
        else:
            yield from member_items(inner, entry.stream, context)
    if is_empty:
        yield DroppedItem(EMPTY_MEMBER, Place(0, member.size_bytes, member.key))


def _spooled_items(
    member: Member, stream: ByteStream, context: ParseContext
) -> Iterator[ParsedItem]:
    """The items of what can only be read from a seekable file: a nameless one, gone when read."""
    with SpooledTemporaryFile(max_size=SPOOL_BYTES) as spooled:
        while block := stream.read(BLOCK_BYTES):
            spooled.write(block)
        file = cast("BinaryIO", spooled)
        parser = _parser_of(file, member.name, context)
        if isinstance(parser, Form):
            file.seek(0)
            head = peek(file)
            yield from _form_items(parser, head, file, member, context)
        else:
            yield from _nested_items(parser, file, member, context)


def _parser_of(file: BinaryIO, name: str, context: ParseContext) -> Parser:
    # The parsers of archives need the choice among all parsers, which needs them.
    from domain.parsers.detection import detect

    source = context.options.source
    return detect(file, name, source=None if source == "slack" else source)


def _nested_items(
    parser: Parser, file: BinaryIO, member: Member, context: ParseContext
) -> Iterator[ParsedItem]:
    """The items of an archive in an archive, or of a table; places begin with the way to it."""
    inner = as_member_of(context, parser.name)
    if looks_like_zip(_start_of(file)):
        one_deeper(inner)
        _count_entries(file, inner)
    if member.key is not None:
        # What has no identity of its own is known by the file's hash and its place in it, of
        # which the way to the member is a part.
        digest = sha256(f"{context.sha256}!/{member.key}".encode()).hexdigest()
        inner = replace(inner, filename=f"{context.filename}!/{member.key}", sha256=digest)
    is_empty = True
    for part in parser.plan(file, inner, slice_bytes=_NO_SLICING):
        for item in parser.read(file, part, inner):
            place = replace(item.place, member=member_key(member.key, item.place.member))
            is_empty = False
            yield replace(item, place=place)
    if is_empty:
        yield DroppedItem(EMPTY_MEMBER, Place(0, member.size_bytes, member.key))


def _count_entries(file: BinaryIO, context: ParseContext) -> None:
    """Count what a zip promises; reading checks that it holds no more than that."""
    entries = SafeZip(file, context.limits).entries
    total = sum(entry.size_bytes for entry in entries)
    _unfolding(context).count(size_bytes=total, entries=len(entries))


def _start_of(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4)


def one_deeper(context: ParseContext) -> ParseContext:
    """The context inside of one more archive.

    Raises:
        UnreadableFileError: that is one too many.
    """
    deeper = replace(context, depth=context.depth + 1)
    _check_depth(deeper)
    return deeper


def _check_depth(context: ParseContext) -> None:
    if context.depth > context.limits.max_depth:
        raise UnreadableFileError(
            f"archives are nested more than {context.limits.max_depth} deep; "
            "unpack it and upload what it holds, or raise the limit"
        )


def _unfolding(context: ParseContext) -> Unfolding:
    return context.unfolding or Unfolding(context.limits, 0)


def _whole(head: Head, stream: ByteStream) -> Rejoined:
    return Rejoined(head.content, stream)
