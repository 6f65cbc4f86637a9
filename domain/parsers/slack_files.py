"""Files that people shared in Slack, where an export holds their bytes.

Slack's own exports only link to them. Tools add the bytes: ``__uploads/<file id>/<name>``, or
``<conversation>/attachments/<file id>-<name>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from domain.errors import UnreadableFileError
from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers.columnar import looks_like_columns
from domain.parsers.documents.assembling import grouped
from domain.parsers.documents.extracting import LocalExtractor
from domain.parsers.documents.kinds import kind_by_start
from domain.parsers.encodings import decode_all, detect_encoding
from domain.parsers.file_types import refuse_binary, refuse_unreadable
from domain.parsers.forms import HEAD_BYTES, read_fully
from domain.parsers.html_text import text_of_html
from domain.parsers.packing import packing_of
from domain.parsers.slack_blocks import file_name
from domain.parsers.slack_facts import moment
from domain.parsers.slack_fields import JsonObject, text_field, whole_number_field
from domain.parsers.slack_messages import MessageReader
from domain.parsers.tar_reading import looks_like_tar
from domain.parsers.text import looks_like_html
from domain.parsers.zip_reading import ArchiveEntry, SafeZip, looks_like_zip
from domain.ports.extraction import DocumentKind, Unit
from domain.ports.parser import ParseContext

MAX_FILE_BYTES = 1024**2
"""Longer texts are data rather than something to read; they are left out by a rule."""

MAX_DOCUMENT_BYTES = 64 * 1024**2
"""A larger PDF, DOCX or PPTX is left out, too; it can be imported by itself."""

UPLOADED_FILE = "uploaded_file"
"""The rule for what is no text and no document, or shared by no message."""

TOO_LARGE, EMPTY_FILE = "uploaded_file_too_large", "empty_file"

_DOCUMENT_KINDS = frozenset((DocumentKind.PDF, DocumentKind.DOCX, DocumentKind.PPTX))

MakeRecord = Callable[[str, Place], Record]
"""From a text and its place to the shared file's record."""

_UPLOAD = re.compile(
    r"(?:^|/)(?:__uploads/(?P<folder>[^/]+)/[^/]+|attachments/(?P<id>F[A-Z0-9]{6,})-[^/]+)$"
)
_KEPT_FIELDS = ("name", "title", "mimetype", "filetype", "pretty_type")


@dataclass(frozen=True, slots=True)
class Share:
    """The message that shares a file: the earliest of those that were not deleted.

    ``visibility`` is that of all conversations that the file was shared in.
    """

    root: str
    folder: str
    ts: str
    thread_ts: str
    user_id: str
    author: str
    visibility: tuple[str, ...]
    file: Mapping[str, JsonValue]
    changed: int

    def to_json(self) -> dict[str, JsonValue]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "visibility": list(self.visibility)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, JsonValue]) -> Share:
        return cls(**{**values, "visibility": tuple(values["visibility"])})


def uploaded_file_id(entry: ArchiveEntry) -> str:
    """The id of the shared file whose bytes an entry holds, or nothing."""
    match = _UPLOAD.search(entry.name)
    return (match["folder"] or match["id"]) if match else ""


def facts_of_file(file: JsonObject) -> tuple[dict[str, JsonValue], int]:
    """What a record of the file tells of it, and when it last changed, in seconds."""
    facts = {name: text for name in _KEPT_FIELDS if (text := text_field(file, name))}
    times = [whole_number_field(file, name) for name in ("updated", "edit_timestamp", "created")]
    return facts | {"name": file_name(file)}, max(times)


def file_items(
    archive: SafeZip,
    entry: ArchiveEntry,
    share: Share,
    reader: MessageReader,
    context: ParseContext,
) -> Iterator[ParsedItem]:
    """A shared file as a document: a text of at most 1 MiB, or a PDF, DOCX or PPTX of 64.

    Of a document with more than a million characters several records.
    """
    place = Place(0, entry.size_bytes, entry.key)
    if entry.size_bytes > MAX_DOCUMENT_BYTES:
        yield DroppedItem(TOO_LARGE, place)
        return
    record = partial(_document, uploaded_file_id(entry), share, reader)
    try:
        with archive.open(entry) as stream:
            kind = kind_by_start(read_fully(stream, HEAD_BYTES))
        if kind in _DOCUMENT_KINDS:
            yield from _document_items(kind, archive.read(entry), record, place, context)
        elif entry.size_bytes > MAX_FILE_BYTES:
            yield DroppedItem(TOO_LARGE, place)
        else:
            yield _text_item(archive.read(entry), record, place)
    except UnreadableFileError as error:
        yield RejectedItem(error.message, place)


def _document_items(
    kind: DocumentKind, content: bytes, record: MakeRecord, place: Place, context: ParseContext
) -> Iterator[ParsedItem]:
    parts = (context.extractor or LocalExtractor()).extract(kind, content)
    number = 0
    for group in grouped(part for part in parts if isinstance(part, Unit)):
        part_place = replace(place, ordinal=number)
        yield replace(record(group.content(), part_place), segments=tuple(group.segments))
        number += 1
    if not number:
        yield DroppedItem(EMPTY_FILE, place)


def _text_item(content: bytes, record: MakeRecord, place: Place) -> ParsedItem:
    text = _text_of(content)
    if text is None:
        return DroppedItem(UPLOADED_FILE, place)
    return record(text, place) if text else DroppedItem(EMPTY_FILE, place)


def canvas_item(archive: SafeZip, entry: ArchiveEntry, reader: MessageReader) -> ParsedItem:
    """A canvas in a conversation's folder: a document if it is a page, else only counted.

    Slack itself writes JSON with the canvas's address, which says nothing of its content.
    """
    place = Place(0, entry.size_bytes, entry.key)
    try:
        content = archive.read(entry) if entry.size_bytes <= MAX_FILE_BYTES else b""
    except UnreadableFileError as error:
        return RejectedItem(error.message, place)
    text = _text_of(content) if looks_like_html(content) else None
    if not text:
        return DroppedItem("canvas", place)
    conversation = reader.conversation
    name = entry.name.rpartition("/")[2]
    return Record(
        source_type=reader.source_type,
        native_id=f"canvas:{conversation.key}/{name}",
        content_type=ContentType.DOCUMENT,
        content=text,
        place=place,
        title=f"Canvas in {conversation.title}",
        metadata={**reader.common_metadata, "filename": name},
        visibility=conversation.visibility,
    )


def _text_of(content: bytes) -> str | None:
    """The text that the bytes are, whatever the file is called; ``None`` if they are none."""
    if _is_known_otherwise(content):
        return None
    try:
        refuse_unreadable(content)
        encoding = detect_encoding(content[:HEAD_BYTES])
        refuse_binary(content, is_wide=encoding.is_wide)
    except UnreadableFileError:
        return None
    text = decode_all(content, encoding)
    return text_of_html(text)[0] if looks_like_html(content) else text.strip()


def _is_known_otherwise(content: bytes) -> bool:
    """Whether the bytes are of a kind that other parsers read: none of them is plain text."""
    return (
        looks_like_zip(content)
        or looks_like_tar(content)
        or looks_like_columns(content)
        or packing_of(content) is not None
        or kind_by_start(content) is not None
    )


def _document(file_id: str, share: Share, reader: MessageReader, text: str, place: Place) -> Record:
    """``place.ordinal`` counts the parts of a long document."""
    file, part = share.file, place.ordinal
    title = text_field(file, "title", "name") or file_id
    key = reader.conversation.key
    url = reader.permalink(share.ts, share.thread_ts)
    return Record(
        source_type=reader.source_type,
        native_id=f"file:{file_id}:{part}" if part else f"file:{file_id}",
        content_type=ContentType.DOCUMENT,
        content=text,
        place=place,
        title=f"{title}, part {part + 1}" if part else title,
        author=share.author,
        timestamp=moment(share.ts),
        url=url,
        thread=f"{key}:{share.thread_ts}" if share.thread_ts else None,
        metadata=dict(_metadata(file_id, share, reader)),
        version=f"{share.changed:012d}/{int(url is not None)}",
        visibility=share.visibility,
    )


def _metadata(file_id: str, share: Share, reader: MessageReader) -> Iterator[tuple[str, JsonValue]]:
    yield from reader.common_metadata.items()
    yield "author", share.author
    yield "file_id", file_id
    yield "filename", text_field(share.file, "name")
    yield "message_ts", share.ts
    if share.user_id:
        yield "user_id", share.user_id
    if share.thread_ts:
        yield "thread_ts", share.thread_ts
    for name in ("mimetype", "filetype"):
        if name in share.file:
            yield name, share.file[name]
