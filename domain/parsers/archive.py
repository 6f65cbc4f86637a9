"""Zip archives of any readable files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.members import (
    EMPTY_MEMBER,
    Member,
    member_items,
    member_layout,
    one_deeper,
    shared_unfolding,
)
from domain.parsers.streaming import StreamingParser
from domain.parsers.zip_reading import ArchiveEntry, SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits, ParseContext

_DESCRIBED_MEMBERS = 50
_ANY_SIZE = ArchiveLimits(max_uncompressed_bytes=2**63, max_ratio=float("inf"))


class ArchiveParser(StreamingParser):
    """Reads every member of a zip by what it is, archives among them; slices are groups of members.

    A member that cannot be read is one rejected item, and the archive goes on. Records carry the
    name of their own form as source, unless the import options name one. What the archives
    inside of one slice unfold to counts together.
    """

    name = "archive"
    version = "2"

    def accepts(self, file: BinaryIO) -> bool:
        file.seek(0)
        if not looks_like_zip(file.read(4)):
            return False
        try:
            SafeZip(file, _ANY_SIZE)
        except UnreadableFileError:
            return False
        return True

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        archive = SafeZip(file, context.limits)
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
        for entry in SafeZip(file, context.limits).entries:
            if group and sum(e.size_bytes for e in group) + entry.size_bytes > slice_bytes:
                yield _slice(number, group)
                number, group = number + 1, []
            group.append(entry)
        if group:
            yield _slice(number, group)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        archive = SafeZip(file, context.limits)
        entries = {entry.key: entry for entry in archive.entries}
        packed = sum(entries[key].compressed_bytes for key in part.members)
        inside = one_deeper(shared_unfolding(context, packed))
        for key in part.members:
            yield from _items_of(archive, entries[key], inside)


def _slice(number: int, group: list[ArchiveEntry]) -> Slice:
    size = sum(entry.size_bytes for entry in group)
    return Slice(number, members=tuple(entry.key for entry in group), size_bytes=size)


def _items_of(archive: SafeZip, entry: ArchiveEntry, context: ParseContext) -> Iterator[ParsedItem]:
    place = Place(0, entry.size_bytes, entry.key)
    if entry.size_bytes == 0:
        yield DroppedItem(EMPTY_MEMBER, place)
        return
    try:
        stream = archive.open(entry)
    except UnreadableFileError as error:
        yield RejectedItem(f"{entry.name}: {error.message}", place)
        return
    with stream:
        member = Member(entry.key, entry.name, entry.size_bytes)
        yield from member_items(member, stream, context)


def _described(
    archive: SafeZip, entry: ArchiveEntry, context: ParseContext
) -> dict[str, JsonValue]:
    if entry.size_bytes == 0:
        return {"format": "empty"}
    try:
        stream = archive.open(entry)
    except UnreadableFileError as error:
        return {"refused": error.message}
    with stream:
        return member_layout(Member(entry.key, entry.name), stream, context)
