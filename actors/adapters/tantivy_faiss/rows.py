"""What a hit shows of a chunk, packed into bytes, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from mmap import mmap
from struct import Struct
from sys import intern
from typing import NamedTuple
from uuid import UUID

import orjson

from domain.models.chunks import Chunk, Member, Vector, heading_of, hit_metadata
from domain.models.ids import ChunkId, FileId, RecordId, uuid_in
from domain.models.records import JsonValue
from domain.models.search import Candidate, Match

_SHOWN_AT = 17
"""In ``pack``: after the record's id and a byte that holds the length of the source's name, 50 at
most."""

_TIME = Struct("<qI")
"""The time, and how many bytes the heading has, which comes next."""

_IDS = Struct("<16s16s16sB")
"""File, chunk and record, and how many bytes the source's name has, which comes next."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

UNDATED = -(2**62)
"""The time of chunks without one: before all times."""


class Row(NamedTuple):
    """What the index keeps of a chunk, packed: from ``begin`` to ``end`` of ``kept``.

    A ``vector`` of 16 bits a number is half the memory, and cosines change by less than 0.001.
    """

    kept: bytes | mmap
    begin: int
    end: int
    vector: Vector


def pack_row(ids: bytes, chunk: bytes, *, time: int) -> bytes:
    """``ids`` are those of file and chunk, ``chunk`` is what ``pack`` makes of it."""
    heading = (heading_of(orjson.loads(shown_in(chunk))["title"]) or "").encode()
    return _TIME.pack(time, len(heading)) + heading + ids + chunk


def to_match(row: Row, score: float, number: int | None = None) -> Match:
    """A found row, of which only what ranking needs is read: most are never shown."""
    kept, begin, _, vector = row
    time, length = _TIME.unpack_from(kept, begin)
    heading_at = begin + _TIME.size
    ids_at = heading_at + length
    _, chunk, record, named = _IDS.unpack_from(kept, ids_at)
    source_at = ids_at + _IDS.size
    return Match(
        RecordId(uuid_in(record)),
        intern(kept[source_at : source_at + named].decode()),
        score,
        partial(candidate_of, row, score),
        None if time == UNDATED else _EPOCH + time * _MICROSECOND,
        vector,
        False,
        intern(kept[heading_at:ids_at].decode()) if length else None,
        chunk,
        number,
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


def shown_in(chunk: bytes) -> bytes:
    """All that a hit shows, as JSON, of what ``pack`` has made."""
    return chunk[_SHOWN_AT + chunk[_SHOWN_AT - 1] :]


def _packed_members(chunk: Chunk) -> dict[str, JsonValue]:
    """Only passages have the entry: most hits are spared reading it."""
    members = [(one.record_id, one.start, one.end, one.at) for one in chunk.members]
    return {"members": members} if members else {}


def _member(record_id: str, start: int, end: int, at: int) -> Member:
    return Member(RecordId(UUID(record_id)), start, end, at)


def candidate_of(row: Row, score: float) -> Candidate:
    """All that a hit shows."""
    packed = row.kept[row.begin : row.end]
    ids_at = _TIME.size + _TIME.unpack_from(packed)[1]
    file, chunk, record, named = _IDS.unpack_from(packed, ids_at)
    source_at = ids_at + _IDS.size
    shown_at = source_at + named
    shown: Mapping[str, JsonValue] = orjson.loads(packed[shown_at:])
    timestamp = shown["timestamp"]
    return Candidate(
        chunk_id=ChunkId(uuid_in(chunk)),
        record_id=RecordId(uuid_in(record)),
        file_id=FileId(uuid_in(file)),
        score=score,
        text=shown["text"],
        source_type=packed[source_at:shown_at].decode(),
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
