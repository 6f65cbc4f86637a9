"""Slack export archives: every message of every day file becomes one item."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from math import inf
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.slack_export import (
    CONVERSATION_FILES,
    USER_FILES,
    DayFile,
    ExportIndex,
    day_file,
    is_index_file,
    leaving_out_rule,
    read_index,
)
from domain.parsers.slack_json import parse_elements
from domain.parsers.slack_messages import RAW_BYTES, MessageReader
from domain.parsers.streaming import StreamingParser
from domain.parsers.zip_reading import ArchiveEntry, SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits, ParseContext

_ANY_SIZE = ArchiveLimits(max_uncompressed_bytes=2**63, max_ratio=inf)
"""For looking at names and beginnings only; the importer's limits are met before it reads on."""

_SHOWN_CONVERSATIONS = 200
_SAMPLED_DAYS = 400
_SAMPLED_BYTES = 64 * 1024
_OWN_LINK = re.compile(
    rb"https:\\?/\\?/([a-z0-9-]+(?:\.enterprise)?)\.slack\.com\\?/(?:files|services|team|archives\\?/([A-Z0-9]+))"
)
_SERVICE_HOSTS = frozenset({b"api", b"app", b"files", b"join", b"my", b"status", b"www"})


class SlackParser(StreamingParser):
    """Reads the zip that Slack's export, or a tool that imitates it, makes."""

    name = "slack"
    version = "1.0"

    def accepts(self, file: BinaryIO) -> bool:
        """Whether the file is a zip that is laid out as a Slack export.

        Raises:
            UnreadableFileError: it is a zip, but no safe or whole one.
        """
        file.seek(0)
        if not looks_like_zip(file.read(4)):
            return False
        archive = SafeZip(file, _ANY_SIZE)
        names = {entry.name.rpartition("/")[2] for entry in archive.entries}
        has_users = not names.isdisjoint(USER_FILES)
        has_conversations = not names.isdisjoint(CONVERSATION_FILES)
        days = list(islice(_day_files(archive), 10))
        if days:
            return has_users or has_conversations or any(_has_messages(archive, d) for d in days)
        return has_users and has_conversations

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        archive = _open_export(file, context)
        index = read_index(archive)
        days = sorted(_day_files(archive), key=lambda day: day.day)
        conversations = {
            c.id: c for c in (index.conversation(day.root, day.folder) for day in days)
        }
        return {
            "format": "slack_export",
            "workspace": _workspace_url(archive, index),
            "channels": dict(Counter(c.kind.value for c in conversations.values())),
            "channel_names": [c.title for c in conversations.values()][:_SHOWN_CONVERSATIONS],
            "users": index.user_count,
            "message_files": len(days),
            "message_bytes": sum(day.entry.size_bytes for day in days),
            "other_files": sum(1 for entry in _members(archive) if day_file(entry) is None),
            "first_day": days[0].day if days else None,
            "last_day": days[-1].day if days else None,
            "notes": list(index.notes),
        }

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        archive = _open_export(file, context)
        workspace = {"workspace_url": _workspace_url(archive, read_index(archive))}
        members: list[str] = []
        number = size = 0
        for entry in _members(archive):
            entry_bytes = entry.size_bytes if day_file(entry) else 0
            if members and size + entry_bytes > slice_bytes:
                yield Slice(number, members=tuple(members), size_bytes=size, context=workspace)
                members, number, size = [], number + 1, 0
            members.append(entry.key)
            size += entry_bytes
        if members:
            yield Slice(number, members=tuple(members), size_bytes=size, context=workspace)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        archive = _open_export(file, context)
        workspace_url = part.context.get("workspace_url")
        reader = MessageReader(context.source_type, read_index(archive), workspace_url)
        entries = {entry.key: entry for entry in archive.entries}
        for key in part.members:
            entry = entries[key]
            day = day_file(entry)
            if day is None:
                yield DroppedItem(leaving_out_rule(entry), Place(0, 0, key))
            else:
                yield from _day_items(archive, day, reader)


def _open_export(file: BinaryIO, context: ParseContext) -> SafeZip:
    archive = SafeZip(file, context.limits)
    if not any(day_file(entry) or is_index_file(entry) for entry in archive.entries):
        raise UnreadableFileError(
            "the zip holds no Slack conversations (folders with files like 2026-01-31.json); "
            "export it again as JSON, or import it without naming slack as its source"
        )
    return archive


def _day_items(archive: SafeZip, day: DayFile, reader: MessageReader) -> Iterator[ParsedItem]:
    """A day's messages; a day file that breaks off ends in one rejected item."""
    conversation = reader.index.conversation(day.root, day.folder)
    ordinal = end = 0
    try:
        for element, start, end in parse_elements(archive, day.entry):
            place = Place(start, end, day.entry.key, ordinal)
            yield reader.item(element, conversation, place)
            ordinal += 1
    except UnreadableFileError as error:
        place = Place(end, day.entry.size_bytes, day.entry.key, ordinal)
        yield RejectedItem(error.message, place, _beginning(archive, day.entry, RAW_BYTES))


def _beginning(archive: SafeZip, entry: ArchiveEntry, size: int) -> bytes:
    try:
        with archive.open(entry) as stream:
            return stream.read(size)
    except UnreadableFileError:
        return b""


def _day_files(archive: SafeZip) -> Iterator[DayFile]:
    return (day for entry in archive.entries if (day := day_file(entry)))


def _members(archive: SafeZip) -> Iterator[ArchiveEntry]:
    """What counts as read: day files, and files that are left out by a rule."""
    return (entry for entry in archive.entries if not is_index_file(entry))


def _has_messages(archive: SafeZip, day: DayFile) -> bool:
    try:
        first = next(parse_elements(archive, day.entry), None)
    except UnreadableFileError:
        return False
    return first is not None and isinstance(first[0], dict) and "ts" in first[0]


def _workspace_url(archive: SafeZip, index: ExportIndex) -> str | None:
    """The workspace's address, by the links to its own files, people and channels.

    Links to channels count only if the export holds the channel: people also link elsewhere.
    A sample of the days, spread over the export, is enough for most votes.
    """
    votes: Counter[bytes] = Counter()
    days = list(_day_files(archive))
    for day in days[:: max(1, len(days) // _SAMPLED_DAYS)]:
        for host, channel in _OWN_LINK.findall(_beginning(archive, day.entry, _SAMPLED_BYTES)):
            is_own = not channel or channel.decode() in index.names.channels
            if is_own and host not in _SERVICE_HOSTS:
                votes[host] += 1
    return f"https://{votes.most_common(1)[0][0].decode()}.slack.com" if votes else None
