"""What reading a part of a Slack export needs to know of the whole: found once, while planning.

A message may be deleted by a row of a later day, and an uploaded file lies apart from the message
that shares it. So each slice is told which messages of its conversations were deleted and who
shared its files. Memory is that of these, and of one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.slack_export import DayFile, Export, ExportIndex
from domain.parsers.slack_facts import files_of, thread_ts_of, ts_text, user_id_of
from domain.parsers.slack_fields import JsonObject, text_field
from domain.parsers.slack_files import Share, facts_of_file, uploaded_file_id
from domain.parsers.slack_json import WHOLE_FILE_BYTES, array_of, parse_elements
from domain.parsers.slack_messages import MessageReader, deleted_ts_of, present_form
from domain.parsers.zip_reading import SafeZip

_DELETION_MARKS = (b'"message_deleted"', b'"tombstone"')
_FILE_MARK = b'"file'


@dataclass(frozen=True, slots=True)
class ExportScan:
    """Deleted messages' ``ts`` by their conversation's key, and shared files by their ids.

    ``shares`` is ``None`` for a file all of whose messages were deleted.
    """

    deleted: Mapping[str, set[str]]
    shares: Mapping[str, Share | None]

    def deleted_in(self, keys: Iterable[str]) -> dict[str, list[str]]:
        return {key: sorted(self.deleted[key]) for key in keys if key in self.deleted}


def scan_export(export: Export, index: ExportIndex) -> ExportScan:
    """Look through all days for deletions, and for shares of the files that the export holds.

    Days without either are not parsed, only searched. What cannot be read is left to the
    reading, which rejects it.
    """
    scanner = _Scanner(export, index)
    for day in export.days.values():
        scanner.look_through(day)
    return scanner.result()


class _Scanner:
    def __init__(self, export: Export, index: ExportIndex) -> None:
        entries = export.archive.entries
        self._archive = export.archive
        self._index = index
        self._uploaded = {id for entry in entries if (id := uploaded_file_id(entry))}
        self._marks = (*_DELETION_MARKS, *((_FILE_MARK,) if self._uploaded else ()))
        self._deleted: dict[str, set[str]] = {}
        self._shares: dict[str, list[Share]] = {}

    def look_through(self, day: DayFile) -> None:
        reader: MessageReader | None = None
        for message in _marked_elements(self._archive, day, self._marks):
            # Most days have nothing marked, and need no reader.
            if reader is None:
                conversation = self._index.conversation(day.root, day.folder)
                reader = MessageReader("", self._index, conversation)
            if deleted_ts := deleted_ts_of(message):
                self._deleted.setdefault(reader.conversation.key, set()).add(deleted_ts)
            if self._uploaded and isinstance(message, dict):
                for share in _shares(present_form(message), day, reader, self._uploaded):
                    self._shares.setdefault(share.file["id"], []).append(share)

    def result(self) -> ExportScan:
        shares = {id: self._first_standing(found) for id, found in self._shares.items()}
        return ExportScan(self._deleted, shares)

    def _first_standing(self, found: list[Share]) -> Share | None:
        """The earliest share that stands; whoever may see any of them may see the file."""
        standing = [share for share in found if not self._is_deleted(share)]
        if not standing:
            return None
        seen_by = dict.fromkeys(who for share in standing for who in share.visibility)
        first = min(standing, key=lambda share: (share.ts, share.root, share.folder))
        return replace(first, visibility=tuple(seen_by))

    def _is_deleted(self, share: Share) -> bool:
        key = self._index.conversation(share.root, share.folder).key
        return share.ts in self._deleted.get(key, frozenset())


def _marked_elements(
    archive: SafeZip, day: DayFile, marks: tuple[bytes, ...]
) -> Iterator[JsonValue]:
    """A day's elements, if its bytes hold one of the marks at all."""
    try:
        if day.entry.size_bytes > WHOLE_FILE_BYTES:
            for element, _, _ in parse_elements(archive, day.entry):
                yield element
            return
        content = archive.read(day.entry)
        if any(mark in content for mark in marks):
            yield from array_of(content)
    except UnreadableFileError:
        return


def _shares(
    message: JsonObject, day: DayFile, reader: MessageReader, uploaded: set[str]
) -> Iterator[Share]:
    ts = ts_text(message.get("ts"))
    for file in files_of(message) if ts else ():
        id = text_field(file, "id")
        if id in uploaded:
            facts, changed = facts_of_file(file)
            yield Share(
                root=day.root,
                folder=day.folder,
                ts=ts,
                thread_ts=thread_ts_of(message, ts),
                user_id=user_id_of(message),
                author=reader.author(message),
                visibility=reader.conversation.visibility,
                file={**facts, "id": id},
                changed=changed,
            )
