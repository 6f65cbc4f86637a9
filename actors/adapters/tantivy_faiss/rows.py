"""What a hit shows of a chunk, packed into bytes, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from sys import intern
from typing import NamedTuple
from uuid import UUID

import orjson

from domain.models.chunks import Chunk, Member, Vector, heading_of, hit_metadata
from domain.models.ids import ChunkId, FileId, RecordId, uuid_in
from domain.models.records import JsonValue
from domain.models.search import Candidate, Match

_RECORD_ID_BYTES = 16
_SOURCE_AT = _RECORD_ID_BYTES + 1
"""After a byte that holds the length of the source's name, which is 50 at most."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Row(NamedTuple):
    """What ranking needs of a chunk, unpacked, and all that a hit shows as it is stored.

    ``chunk`` is the chunk's id in bytes. A ``vector`` of 16 bits a number is half the memory, and
    cosines change by less than 0.001.
    """

    record_id: RecordId
    source_type: str
    shown: bytes
    file_id: str
    timestamp: datetime | None
    vector: Vector
    heading: str | None
    chunk: bytes


def to_match(row: Row, score: float) -> Match:
    """A found row, which is read only if it is to be shown."""
    return Match(
        row.record_id,
        row.source_type,
        score,
        partial(candidate_of, row, score),
        row.timestamp,
        row.vector,
        False,
        row.heading,
        row.chunk,
    )


def to_microseconds(moment: datetime) -> int:
    """Exact, unlike ``moment.timestamp()``, so that bounds of a filter are sharp."""
    return (moment - _EPOCH) // _MICROSECOND


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


def shown_in(packed: bytes) -> bytes:
    """All that a hit shows, as JSON."""
    return packed[_end_of_source(packed) :]


def _end_of_source(packed: bytes) -> int:
    return _SOURCE_AT + packed[_SOURCE_AT - 1]


def heading_in(packed: bytes) -> str | None:
    """The chunk's heading, of the JSON in it."""
    return heading_of(orjson.loads(shown_in(packed))["title"])


def unpack(
    packed: bytes,
    file_id: str,
    moment: int | None,
    vector: Vector,
    *,
    heading: str | None,
    chunk: bytes,
) -> Row:
    return Row(
        record_id=RecordId(uuid_in(packed[:_RECORD_ID_BYTES])),
        source_type=intern(packed[_SOURCE_AT : _end_of_source(packed)].decode()),
        shown=shown_in(packed),
        file_id=file_id,
        timestamp=None if moment is None else _EPOCH + moment * _MICROSECOND,
        vector=vector,
        heading=intern(heading) if heading else None,
        chunk=chunk,
    )


def _packed_members(chunk: Chunk) -> dict[str, JsonValue]:
    """Only passages have the entry: most hits are spared reading it."""
    members = [(one.record_id, one.start, one.end, one.at) for one in chunk.members]
    return {"members": members} if members else {}


def _member(record_id: str, start: int, end: int, at: int) -> Member:
    return Member(RecordId(UUID(record_id)), start, end, at)


def candidate_of(row: Row, score: float) -> Candidate:
    shown: Mapping[str, JsonValue] = orjson.loads(row.shown)
    timestamp = shown["timestamp"]
    return Candidate(
        chunk_id=ChunkId(uuid_in(row.chunk)),
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
