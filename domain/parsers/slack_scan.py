"""What reading a part of a Slack export needs to know of the whole: found once, while planning.

A message may be deleted by a row of a later day, and an uploaded file lies apart from the message
that shares it. So each slice is told which messages of its conversations were deleted and who
shared its files. Memory is that of these, and of one day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

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


@dataclass(slots=True)
class ExportScan:
    """Deleted messages' ``ts`` by their conversation's key, and shared files by their ids.

    ``shares`` is ``None`` for a file all of whose messages were deleted.
    """

    deleted: dict[str, set[str]] = field(default_factory=dict)
    shares: dict[str, Share | None] = field(default_factory=dict)

    def deleted_in(self, keys: Iterable[str]) -> dict[str, list[str]]:
        return {key: sorted(self.deleted[key]) for key in keys if key in self.deleted}


def scan_export(export: Export, index: ExportIndex) -> ExportScan:
    """Look through all days for deletions, and for shares of the files that the export holds.

    Days without either are not parsed, only searched. What cannot be read is left to the
    reading, which rejects it.
    """
    uploaded = {id for entry in export.archive.entries if (id := uploaded_file_id(entry))}
    marks = (*_DELETION_MARKS, *((_FILE_MARK,) if uploaded else ()))
    scan = ExportScan()
    shares: dict[str, list[Share]] = {}
    for day in export.days.values():
        reader = MessageReader("", index, index.conversation(day.root, day.folder))
        for message in _marked_elements(export.archive, day, marks):
            if deleted_ts := deleted_ts_of(message):
                scan.deleted.setdefault(reader.conversation.key, set()).add(deleted_ts)
            if uploaded and isinstance(message, dict):
                for share in _shares(present_form(message), day, reader, uploaded):
                    shares.setdefault(share.file["id"], []).append(share)
    for file_id, found in shares.items():
        scan.shares[file_id] = _first_share(found, scan, index)
    return scan


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


def _first_share(found: list[Share], scan: ExportScan, index: ExportIndex) -> Share | None:
    """The earliest share that stands; whoever may see any of them may see the file."""
    standing = [
        share
        for share in found
        if share.ts
        not in scan.deleted.get(index.conversation(share.root, share.folder).key, frozenset())
    ]
    if not standing:
        return None
    seen_by = dict.fromkeys(who for share in standing for who in share.visibility)
    first = min(standing, key=lambda share: (share.ts, share.root, share.folder))
    return replace(first, visibility=tuple(seen_by))
