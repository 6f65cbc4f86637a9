"""How a chunk lies in the table, and how it is read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from sys import intern
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from actors.adapters.lancedb.row_cache import Row
from domain.models.chunks import (
    Chunk,
    EmbeddedChunk,
    Member,
    Vector,
    hit_metadata,
    labels_of,
)
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.records import JsonValue
from domain.models.search import Candidate, KeptChunk, Match

HIT_COLUMNS = ["hit", "file_id", "timestamp_us", "vector"]
"""What a search reads. Every further string column costs 0.2 to 0.4 ms per 100 hits, so all that
a hit shows is packed into one; ``file_id`` stands apart because ``reassign`` rewrites it."""

_RECORD_ID_BYTES = 16
_SOURCE_AT = _RECORD_ID_BYTES + 1
"""After a byte that holds the length of the source's name, which is 50 at most."""

MAX_MERGE_BYTES = 16 * 1024 * 1024

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def table_schema(dimension: int) -> pa.Schema:
    return pa.schema(
        [
            pa.field("chunk_id", pa.string(), nullable=False),
            pa.field("record_id", pa.string(), nullable=False),
            pa.field("file_id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
            pa.field("search_text", pa.string(), nullable=False),
            pa.field("source_type", pa.string(), nullable=False),
            pa.field("content_type", pa.string(), nullable=False),
            pa.field("timestamp_us", pa.int64()),
            pa.field("labels", pa.list_(pa.string()), nullable=False),
            pa.field("visibility", pa.list_(pa.string()), nullable=False),
            pa.field("hit", pa.binary(), nullable=False),
        ]
    )


def to_table(chunks: Sequence[EmbeddedChunk], dimension: int) -> pa.Table:
    """The rows of ``chunks``, in order."""
    vectors = np.stack([embedded.embedding for embedded in chunks]).astype(np.float32, copy=False)
    records = [embedded.chunk.record for embedded in chunks]
    columns = [
        [str(embedded.chunk.chunk_id) for embedded in chunks],
        [str(record.record_id) for record in records],
        [str(embedded.file_id) for embedded in chunks],
        pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dimension),
        [embedded.chunk.search_text for embedded in chunks],
        [record.source_type for record in records],
        [str(record.content_type) for record in records],
        [to_microseconds(record.timestamp) if record.timestamp else None for record in records],
        [labels_of(embedded.chunk) for embedded in chunks],
        [list(record.visibility) for record in records],
        [pack(embedded.chunk) for embedded in chunks],
    ]
    return pa.table(columns, schema=table_schema(dimension))


def merge_portions(rows: pa.Table) -> Iterator[pa.Table]:
    """Neighbouring rows of up to 16 MB each: a merge holds its rows in memory, of which it has
    little."""
    row_bytes = max(1, rows.nbytes // max(1, rows.num_rows))
    step = max(1, MAX_MERGE_BYTES // row_bytes)
    for start in range(0, rows.num_rows, step):
        yield rows.slice(start, step).combine_chunks()


def rows_of(read: pa.Table | pa.RecordBatch) -> dict[int, Row]:
    """The rows by their ids, of ``HIT_COLUMNS`` and ``_rowid``."""
    return dict(zip(read.column("_rowid").to_pylist(), _rows(read), strict=True))


def _rows(read: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    packed, file_ids, moments = (
        read.column(name).to_pylist() for name in ("hit", "file_id", "timestamp_us")
    )
    # Copies of a row each: a view would keep all of what was read in memory.
    vectors = (vector.copy() for vector in _vectors(read).astype(np.float16))
    return map(unpack, packed, file_ids, moments, vectors)


def _vectors(read: pa.Table | pa.RecordBatch) -> NDArray[np.float32]:
    """Of shape ``(rows, dimension)``."""
    column = read.column("vector")
    chunks = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat: NDArray[np.float32] = chunks.flatten().to_numpy()
    return flat.reshape(read.num_rows, -1) if read.num_rows else flat.reshape(0, 0)


def to_match(row: Row, score: float) -> Match:
    """A found row, which is read only if it is to be shown."""
    read = partial(candidate_of, row, score)
    return Match(row.record_id, row.source_type, score, read, row.timestamp, row.vector)


def kept_chunks(read: pa.Table) -> list[KeptChunk]:
    """The chunks of rows with ``HIT_COLUMNS``."""
    shown = (candidate_of(row, 0.0) for row in _rows(read))
    return [KeptChunk(*pair) for pair in zip(shown, _vectors(read), strict=True)]


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
    """All that a hit shows, as JSON, of the column ``hit``."""
    return packed[_end_of_source(packed) :]


def _end_of_source(packed: bytes) -> int:
    return _SOURCE_AT + packed[_SOURCE_AT - 1]


def unpack(packed: bytes, file_id: str, moment: int | None, vector: Vector) -> Row:
    return Row(
        record_id=RecordId(UUID(bytes=packed[:_RECORD_ID_BYTES])),
        source_type=intern(packed[_SOURCE_AT : _end_of_source(packed)].decode()),
        shown=shown_in(packed),
        file_id=file_id,
        timestamp=None if moment is None else _EPOCH + moment * _MICROSECOND,
        vector=vector,
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
