"""Slack exports: every message of every day file becomes one item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from math import inf
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.files import Slice
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place, RejectedItem
from domain.parsers.forms import read_head
from domain.parsers.slack_conversations import CONVERSATION_FILES
from domain.parsers.slack_export import (
    USER_FILES,
    DayFile,
    Export,
    count_of_app_changes,
    day_file,
    is_index_file,
    leaving_out_rule,
    read_index,
)
from domain.parsers.slack_files import (
    UPLOADED_FILE,
    Share,
    canvas_item,
    file_items,
    uploaded_file_id,
)
from domain.parsers.slack_json import parse_elements
from domain.parsers.slack_lone import describe_lone, find_array, plan_lone, read_lone
from domain.parsers.slack_messages import DELETED_MESSAGE, RAW_BYTES, MessageReader
from domain.parsers.slack_scan import ExportScan, scan_export
from domain.parsers.slack_workspaces import beginning, workspace_urls
from domain.parsers.streaming import StreamingParser
from domain.parsers.zip_reading import ArchiveEntry, SafeZip, looks_like_zip
from domain.ports.parser import ArchiveLimits, ParseContext

_ANY_SIZE = ArchiveLimits(max_uncompressed_bytes=2**63, max_ratio=inf)
"""For looking at names and beginnings only; the importer's limits are met before it reads on."""

_SHOWN_CONVERSATIONS = 200


class SlackParser(StreamingParser):
    """Reads the zip that Slack's export, or a tool that imitates it, makes.

    A JSON array of messages by itself is read too.
    """

    name = "slack"
    version = "1.3"

    def accepts(self, file: BinaryIO) -> bool:
        """Whether the file is a zip that is laid out as a Slack export, or an array of messages.

        Raises:
            UnreadableFileError: it is a zip, but no safe or whole one; or an export as text.
        """
        if not _is_zip(file):
            return find_array(read_head(file)) is not None
        archive = SafeZip(file, _ANY_SIZE)
        _refuse_text_export(entry.name for entry in archive.entries)
        names = {entry.name.rpartition("/")[2] for entry in archive.entries}
        has_users = not names.isdisjoint(USER_FILES)
        has_conversations = not names.isdisjoint(CONVERSATION_FILES)
        days = list(islice(filter(None, map(day_file, archive.entries)), 10))
        if days:
            return has_users or has_conversations or any(_has_messages(archive, d) for d in days)
        return has_users and has_conversations

    def describe(self, file: BinaryIO, context: ParseContext) -> dict[str, JsonValue]:
        if not _is_zip(file):
            return describe_lone(file, context)
        export = _open_export(file, context)
        archive = export.archive
        index = read_index(archive)
        days = sorted(export.days.values(), key=lambda day: day.day)
        conversations = {
            c.key: c for c in (index.conversation(day.root, day.folder) for day in days)
        }
        urls = workspace_urls(export, index)
        workspaces = {c.workspace for c in conversations.values() if c.workspace}
        return {
            "format": "slack_export",
            "workspace": next(iter(urls.values()), None) if len(urls) < 2 else list(urls.values()),
            "grid_workspaces": sorted(workspaces),
            "channels": dict(Counter(c.kind.value for c in conversations.values())),
            "channel_names": [c.title for c in conversations.values()][:_SHOWN_CONVERSATIONS],
            "users": index.user_count,
            "message_files": len(days),
            "message_bytes": sum(day.entry.size_bytes for day in days),
            "other_files": sum(entry.key not in export.days for entry in _members(archive)),
            "integration_log_entries": count_of_app_changes(archive),
            "first_day": days[0].day if days else None,
            "last_day": days[-1].day if days else None,
            "notes": list(index.notes),
        }

    def plan(self, file: BinaryIO, context: ParseContext, *, slice_bytes: int) -> Iterator[Slice]:
        if not _is_zip(file):
            yield from plan_lone(file, context, slice_bytes=slice_bytes)
            return
        planning = _Planning(_open_export(file, context))
        group: list[ArchiveEntry] = []
        number = size = 0
        for entry in _members(planning.export.archive):
            entry_bytes = planning.read_bytes(entry)
            if group and size + entry_bytes > slice_bytes:
                yield planning.slice_of(number, group)
                group, number, size = [], number + 1, 0
            group.append(entry)
            size += entry_bytes
        if group:
            yield planning.slice_of(number, group)

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        if not part.members:
            yield from read_lone(file, part, context)
            return
        reading = _Reading(_open_export(file, context), part, context)
        entries = {entry.key: entry for entry in reading.export.archive.entries}
        for key in part.members:
            yield from reading.items_of(entries[key])


class _Planning:
    """What is found out once for all slices."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self._index = read_index(export.archive)
        self._urls = workspace_urls(export, self._index)
        self._scan: ExportScan = scan_export(export, self._index)

    def read_bytes(self, entry: ArchiveEntry) -> int:
        """How much of an entry is read: nothing of what is left out by its name."""
        is_read = entry.key in self.export.days or uploaded_file_id(entry)
        return entry.size_bytes if is_read else 0

    def slice_of(self, number: int, group: list[ArchiveEntry]) -> Slice:
        days = [self.export.days[entry.key] for entry in group if entry.key in self.export.days]
        folders = {(day.root, day.folder) for day in days}
        keys = {self._index.conversation(*folder).key for folder in folders}
        return Slice(
            number,
            members=tuple(entry.key for entry in group),
            size_bytes=sum(map(self.read_bytes, group)),
            context={
                "workspace_urls": self._urls,
                "deleted": self._scan.deleted_in(sorted(keys)),
                "shares": self._shares_of(group),
            },
        )

    def _shares_of(self, group: Iterable[ArchiveEntry]) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        for entry in group:
            file_id = uploaded_file_id(entry)
            if file_id in self._scan.shares:
                share = self._scan.shares[file_id]
                found[file_id] = share.to_json() if share else None
        return found


class _Reading:
    """What the members of one slice share."""

    def __init__(self, export: Export, part: Slice, context: ParseContext) -> None:
        self.export = export
        self._context = context
        self._index = read_index(export.archive)
        self._urls: Mapping[str, str] = part.context.get("workspace_urls", {})
        self._deleted: Mapping[str, list[str]] = part.context.get("deleted", {})
        self._shares: Mapping[str, JsonValue] = part.context.get("shares", {})
        self._readers: dict[tuple[str, str], MessageReader] = {}

    def items_of(self, entry: ArchiveEntry) -> Iterator[ParsedItem]:
        day = self.export.days.get(entry.key)
        if day:
            yield from _day_items(self.export.archive, day, self._reader(day.root, day.folder))
        elif file_id := uploaded_file_id(entry):
            yield from self._file_items(entry, file_id)
        else:
            yield self._other_item(entry)

    def _reader(self, root: str, folder: str) -> MessageReader:
        reader = self._readers.get((root, folder))
        if reader is None:
            conversation = self._index.conversation(root, folder)
            reader = self._readers[root, folder] = MessageReader(
                self._context.source_type,
                self._index,
                conversation,
                workspace_url=self._urls.get(conversation.root),
                deleted=self._deleted.get(conversation.key, ()),
            )
        return reader

    def _file_items(self, entry: ArchiveEntry, file_id: str) -> Iterator[ParsedItem]:
        """A file's records, if a message shares it: else nobody knows who may see it."""
        shared = self._shares.get(file_id)
        if shared is None:
            rule = DELETED_MESSAGE if file_id in self._shares else UPLOADED_FILE
            yield DroppedItem(rule, Place(0, entry.size_bytes, entry.key))
            return
        share = Share.from_json(shared)
        reader = self._reader(share.root, share.folder)
        yield from file_items(self.export.archive, entry, share, reader, self._context)

    def _other_item(self, entry: ArchiveEntry) -> ParsedItem:
        rule = leaving_out_rule(entry)
        root, _, folder = entry.name.rpartition("/")[0].rpartition("/")
        if rule == "canvas" and folder:
            return canvas_item(self.export.archive, entry, self._reader(root, folder))
        return DroppedItem(rule, Place(0, entry.size_bytes, entry.key))


def _is_zip(file: BinaryIO) -> bool:
    file.seek(0)
    return looks_like_zip(file.read(4))


def _open_export(file: BinaryIO, context: ParseContext) -> Export:
    archive = SafeZip(file, context.limits)
    _refuse_text_export(entry.name for entry in archive.entries)
    export = Export(archive)
    if not export.days and not any(map(is_index_file, archive.entries)):
        raise UnreadableFileError(
            "the zip holds no Slack conversations (folders with files like 2026-01-31.json); "
            "export it again as JSON, or import it without naming slack as its source"
        )
    return export


def _refuse_text_export(names: Iterable[str]) -> None:
    """Raise for the export of one person's conversations as text.

    Its text files do not tell their messages' ids and people apart in any documented way, and
    read as plain documents they would show direct messages to everybody.
    """
    texts = [name for name in names if name.endswith(".txt")]
    folders = {folder for name in texts for folder in name.split("/")[:-1]}
    if "channels" in folders and "dms" in folders:
        raise UnreadableFileError(
            "the zip is a Slack export of one person's conversations as text; "
            "ask Slack for the same export as JSON"
        )


def _members(archive: SafeZip) -> Iterator[ArchiveEntry]:
    """What counts as read: day files, shared files, and files that are left out by a rule."""
    return (entry for entry in archive.entries if not is_index_file(entry))


def _day_items(archive: SafeZip, day: DayFile, reader: MessageReader) -> Iterator[ParsedItem]:
    """A day's messages; a day file that breaks off ends in one rejected item."""
    key = day.entry.key
    ordinal = end = 0
    try:
        for element, start, end in parse_elements(archive, day.entry):
            yield reader.item(element, Place(start, end, key, ordinal))
            ordinal += 1
    except UnreadableFileError as error:
        place = Place(end, day.entry.size_bytes, key, ordinal)
        yield RejectedItem(error.message, place, beginning(archive, day.entry, RAW_BYTES))


def _has_messages(archive: SafeZip, day: DayFile) -> bool:
    try:
        first = next(parse_elements(archive, day.entry), None)
    except UnreadableFileError:
        return False
    return first is not None and isinstance(first[0], dict) and "ts" in first[0]
