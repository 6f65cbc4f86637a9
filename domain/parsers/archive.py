"""Zip archives of any readable files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.file_types import refuse_nested_zip, refuse_office_zip
from domain.parsers.form_detection import form_of
from domain.parsers.forms import ByteStream, Form, Head, Rejoined, Site, peek
from domain.parsers.gzip import Unpacked, as_member_of, looks_like_gzip
from domain.parsers.streaming import StreamingParser
from domain.parsers.zip_reading import ArchiveEntry, SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits, ParseContext

EMPTY_MEMBER = "empty_member"

_DESCRIBED_MEMBERS = 50
_ANY_SIZE = ArchiveLimits(max_uncompressed_bytes=2**63, max_ratio=float("inf"))


class ArchiveParser(StreamingParser):
    """Reads every member of a zip by the form that it has; slices are groups of members.

    A member that cannot be read is one rejected item, and the archive goes on; so is a zip
    inside the zip. A gzipped member is unpacked. Records carry the name of their own form as
    source, unless the import options name one.
    """

    name = "archive"
    version = "1"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        if not looks_like_zip(file.read(4)):
            return False
        try:
            _open_zip(file, _ANY_SIZE)
        except UnreadableFileError:
            return False
        return True

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        archive = _open_zip(file, context.limits)
        described = archive.entries[:_DESCRIBED_MEMBERS]
        members = {entry.key: _described(archive, entry, context) for entry in described}
        forms = Counter(member.get("format", "unreadable") for member in members.values())
        return {
            "format": "zip",
            "members": len(archive.entries),
            "left_out_entries": archive.left_out,
            "described_members": members,
            "forms_of_described": dict(forms),
        }

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        group: list[ArchiveEntry] = []
        number = 0
        for entry in _open_zip(file, context.limits).entries:
            if group and sum(e.size_bytes for e in group) + entry.size_bytes > slice_bytes:
                yield _slice(number, group)
                number, group = number + 1, []
            group.append(entry)
        if group:
            yield _slice(number, group)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        archive = _open_zip(file, context.limits)
        entries = {entry.key: entry for entry in archive.entries}
        for key in part.members:
            yield from _items_of(archive, entries[key], context)


def _open_zip(file: BinaryIO, limits: ArchiveLimits) -> SafeZip:
    archive = SafeZip(file, limits)
    refuse_office_zip({entry.name for entry in archive.entries})
    return archive


def _slice(number: int, group: list[ArchiveEntry]) -> Slice:
    size = sum(entry.size_bytes for entry in group)
    return Slice(number, members=tuple(entry.key for entry in group), size_bytes=size)


def _items_of(archive: SafeZip, entry: ArchiveEntry, context: ParseContext) -> Iterator[ParsedItem]:
    place = Place(0, entry.size_bytes, entry.key)
    if entry.size_bytes == 0:
        yield DroppedItem(EMPTY_MEMBER, place)
        return
    try:
        stream, form, head, site = _open_member(archive, entry, context)
        layout = form.layout(head, site)
        yield from form.items(Rejoined(head.content, stream), layout, site)
    except UnreadableFileError as error:
        yield RejectedItem(f"{entry.name}: {error.message}", place)


def _open_member(
    archive: SafeZip, entry: ArchiveEntry, context: ParseContext
) -> tuple[ByteStream, Form, Head, Site]:
    member = archive.open(entry)
    stream: ByteStream = member
    head = peek(stream)
    if looks_like_zip(head.content):
        refuse_nested_zip(head.content)
    if looks_like_gzip(head.content):
        member.close()
        stream = Unpacked(archive.open(entry), context.limits)
        head = peek(stream)
    form = form_of(head, entry.name, forced=context.options.source)
    context = as_member_of(context, form.name, packer=ArchiveParser.name)
    return stream, form, head, Site(context, entry.key)


def _described(
    archive: SafeZip, entry: ArchiveEntry, context: ParseContext
) -> dict[str, JsonValue]:
    if entry.size_bytes == 0:
        return {"format": "empty"}
    try:
        _, form, head, site = _open_member(archive, entry, context)
        return form.layout(head, site)
    except UnreadableFileError as error:
        return {"refused": error.message}
