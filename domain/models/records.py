"""Records: what parsers produce, one for every item in a file, kept, dropped or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any

import orjson

from domain.ledger import Outcome
from domain.models.ids import FileId, RecordId, derive_record_id
from domain.models.makers import maker_of

JsonValue = Any
"""What JSON can hold: str, int, float, bool, None, and lists and dicts of these."""

PUBLIC = "public"
"""The visibility of a record that everybody may see."""


class ContentType(StrEnum):
    MESSAGE = "message"
    TRANSCRIPT = "transcript"
    RECORD = "record"
    DOCUMENT = "document"
    TOMBSTONE = "tombstone"
    """What is stored of a record that was deleted at its source: that, and as of which version."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item's raw bytes lie: ``start``–``end`` in the file, or in its ``member``.

    Offsets count bytes of the decompressed stream. ``member`` names an archive's entry.
    Where a format has no byte offsets, they are those of the enclosing unit and ``ordinal``
    (from 0) tells items of the same unit apart.
    """

    start: int
    end: int
    member: str | None = None
    ordinal: int = 0

    def __str__(self) -> str:
        if self.member is None and not self.ordinal:
            return f"{self.start}-{self.end}"
        suffix = f"#{self.ordinal}" if self.ordinal else ""
        prefix = f"{self.member}:" if self.member else ""
        return f"{prefix}{self.start}-{self.end}{suffix}"


make_place = maker_of(Place)
"""``Place`` for those who make many."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A natural unit of a record's content: a speaker's turn, a page, a section.

    It is ``content[start:end]``. ``metadata`` says what is true of it alone (``speaker``,
    ``start_seconds``, ``page``); a chunk that lies in it carries them.
    """

    start: int
    end: int
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """One item as the source returned it, with its text made findable.

    ``native_id`` is unique within ``source_type``. ``version`` sorts: of two copies of a record
    the greater one wins, equal ones are told apart by content. ``thread`` is the native id of
    the conversation that the record belongs to. ``visibility`` names who may see it.

    ``segments`` are in order and do not overlap; chunks end where they end. Records of the same
    source and ``group`` are too short to be found alone and share passages, in order of time;
    a group is small (a thread, a day of a channel). ``names`` says what others are to call
    things, by key; texts of other records refer to the keys (``domain.references``).
    """

    source_type: str
    native_id: str
    content_type: ContentType
    content: str
    place: Place
    title: str | None = None
    author: str | None = None
    timestamp: datetime | None = None
    url: str | None = None
    thread: str | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    version: str = ""
    visibility: tuple[str, ...] = (PUBLIC,)
    segments: tuple[Segment, ...] = ()
    group: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def record_id(self) -> RecordId:
        return derive_record_id(self.source_type, self.native_id)

    @property
    def _has_more(self) -> bool:
        return bool(self.segments or self.group or self.names)

    def content_hash(self) -> str:
        """32 hex digits over everything a reader of the record could see, ``place`` left out."""
        seen = (
            self.content_type,
            self.content,
            self.title,
            self.author,
            self.timestamp,
            self.url,
            self.thread,
            dict(self.metadata),
            self.visibility,
            *((self.segments, self.group, dict(self.names)) if self._has_more else ()),
        )
        packed = orjson.dumps(
            seen, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str
        )
        return blake2b(packed, digest_size=16).hexdigest()


make_record = maker_of(Record)
"""``Record`` for those who make many."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Proof that a record was deleted at the source, as of ``version``."""

    source_type: str
    native_id: str
    version: str = ""

    def as_record(self, place: Place) -> Record:
        """What takes the deleted record's place in the store: nothing to show or to find."""
        return Record(
            source_type=self.source_type,
            native_id=self.native_id,
            content_type=ContentType.TOMBSTONE,
            content="",
            place=place,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class DroppedItem:
    """An item left out on purpose, by the named rule (``snake_case``).

    One that says that a record is gone carries its ``tombstone``.
    """

    rule: str
    place: Place
    tombstone: Tombstone | None = None


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """An item that could not be read. ``error`` is a sentence; ``raw`` at most 4 KiB of it."""

    error: str
    place: Place
    raw: bytes = b""


ParsedItem = Record | DroppedItem | RejectedItem
"""What a parser yields: exactly one for every item that it read."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the metadata store keeps it, with its file and how it was indexed."""

    record_id: RecordId
    record: Record
    file_id: FileId
    parser: str
    chunk_count: int
    embedding_model: str | None


@dataclass(frozen=True, slots=True)
class StagedRecord:
    """What staging decided about one record.

    ``previous_chunk_count`` is how many chunks of it the index may hold already, under any
    earlier content; chunks at positions past the new count must be removed. A record with a
    group has no chunks of its own: staging has made its group's passages stale instead.
    """

    record: Record
    outcome: Outcome
    needs_embedding: bool
    previous_chunk_count: int


@dataclass(frozen=True, slots=True)
class Rendering:
    """A stored record with the names of this moment, by key; ``None`` stands for the fallback.

    ``file_id`` is the file that supplies it, ``replaces`` the content hash of what is shown until
    now, and ``previous_chunk_count`` as for ``StagedRecord``.
    """

    record: Record
    file_id: FileId
    replaces: str
    names: Mapping[str, str | None]
    previous_chunk_count: int


@dataclass(frozen=True, slots=True)
class IndexedRecord:
    """Says that the index now holds ``chunk_count`` chunks of the record's present content."""

    record_id: RecordId
    content_hash: str
    chunk_count: int
