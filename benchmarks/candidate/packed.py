"""A chunk as an index on disk keeps it: what ranking needs first, then all that a hit shows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from sys import intern
from typing import NamedTuple
from uuid import UUID

import orjson

from domain.models.chunks import Chunk, Member, hit_metadata
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.records import JsonValue
from domain.models.search import Candidate, Match

ENTRY_BYTES = 400
"""About what a kept row costs beside its bytes."""

_RECORD_ID_BYTES = 16
_SOURCE_AT = _RECORD_ID_BYTES + 1
"""After a byte that holds the length of the source's name, which is 50 at most."""


class Row(NamedTuple):
    """A kept chunk: what ranking needs unpacked, and ``shown`` as it was packed."""

    record_id: RecordId
    source_type: str
    shown: bytes
    file_id: str


def pack(chunk: Chunk) -> bytes:
    """What ranking needs at places that need no parsing, then all that a hit shows as JSON."""
    record = chunk.record
    source = record.source_type.encode()
    shown = {
        "chunk_id": chunk.chunk_id,
        "text": chunk.text,
        "content_type": record.content_type,
        "title": record.title,
        "author": record.author,
        "timestamp": record.timestamp,
        "url": record.url,
        "thread": record.thread,
        "metadata": hit_metadata(chunk),
        "start": chunk.start,
        "end": chunk.end,
        **_packed_members(chunk),
    }
    head = record.record_id.bytes + bytes((len(source),)) + source
    return head + orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS, default=str)


def unpack(packed: bytes, file_id: str) -> Row:
    """What ``pack`` has packed, and the file that supplies it."""
    end_of_source = _SOURCE_AT + packed[_SOURCE_AT - 1]
    return Row(
        record_id=RecordId(UUID(bytes=packed[:_RECORD_ID_BYTES])),
        source_type=intern(packed[_SOURCE_AT:end_of_source].decode()),
        shown=packed[end_of_source:],
        file_id=file_id,
    )


def to_match(row: Row, score: float) -> Match:
    """A found row, which is read only if it is to be shown."""
    return Match(row.record_id, row.source_type, score, partial(candidate_of, row, score))


def candidate_of(row: Row, score: float) -> Candidate:
    shown: Mapping[str, JsonValue] = orjson.loads(row.shown)
    timestamp = shown["timestamp"]
    return Candidate(
        chunk_id=ChunkId(UUID(shown["chunk_id"])),
        record_id=row.record_id,
        file_id=FileId(UUID(row.file_id)),
        score=score,
        text=shown["text"],
        source_type=row.source_type,
        content_type=shown["content_type"],
        title=shown["title"],
        author=shown["author"],
        timestamp=datetime.fromisoformat(timestamp) if timestamp else None,
        url=shown["url"],
        thread=shown["thread"],
        metadata=shown["metadata"],
        start=shown["start"],
        end=shown["end"],
        members=tuple(_member(*packed) for packed in shown.get("members", ())),
    )


def _packed_members(chunk: Chunk) -> dict[str, JsonValue]:
    """Only passages have the entry: most hits are spared reading it."""
    members = [(one.record_id, one.start, one.end, one.at) for one in chunk.members]
    return {"members": members} if members else {}


def _member(record_id: str, start: int, end: int, at: int) -> Member:
    return Member(RecordId(UUID(record_id)), start, end, at)


class RowCache:
    """Rows by number, those unused for the longest forgotten first. Not for several threads."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[int, Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, numbers: Iterable[int]) -> dict[int, Row]:
        """The rows of these that are known."""
        found = {}
        for number in numbers:
            row = self._rows.get(number)
            if row is not None:
                self._rows.move_to_end(number)
                found[number] = row
        return found

    def put(self, rows: Mapping[int, Row]) -> None:
        for number, row in rows.items():
            if number not in self._rows:
                self._rows[number] = row
                self._bytes += _size(row)
        while self._bytes > self._max_bytes:
            _, forgotten = self._rows.popitem(last=False)
            self._bytes -= _size(forgotten)


def _size(row: Row) -> int:
    return len(row.shown) + len(row.file_id) + ENTRY_BYTES
