"""How a chunk lies in the table, and how it is read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa

from domain.models.chunks import Chunk, EmbeddedChunk, Member, hit_metadata, labels_of
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.records import JsonValue
from domain.models.search import Candidate

HIT_COLUMNS = ["stored", "file_id"]
"""What a search reads. Every further string column costs 0.2 to 0.4 ms per 100 hits, so all that
a hit shows is packed into one; ``file_id`` stands apart because ``reassign`` rewrites it."""

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
            pa.field("stored", pa.binary(), nullable=False),
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
        [embedded.chunk.embedding_text for embedded in chunks],
        [record.source_type for record in records],
        [str(record.content_type) for record in records],
        [to_microseconds(record.timestamp) if record.timestamp else None for record in records],
        [labels_of(embedded.chunk) for embedded in chunks],
        [list(record.visibility) for record in records],
        [_pack(embedded.chunk) for embedded in chunks],
    ]
    return pa.table(columns, schema=table_schema(dimension))


def merge_portions(rows: pa.Table) -> Iterator[pa.Table]:
    """Neighbouring rows of up to 16 MB each: a merge holds its rows in memory, of which it has
    little."""
    row_bytes = max(1, rows.nbytes // max(1, rows.num_rows))
    step = max(1, MAX_MERGE_BYTES // row_bytes)
    for start in range(0, rows.num_rows, step):
        yield rows.slice(start, step).combine_chunks()


def to_candidates(rows: pa.Table, scores: Sequence[float]) -> list[Candidate]:
    """Read the hits of a search that selected ``HIT_COLUMNS``."""
    stored = rows.column("stored").to_pylist()
    files = rows.column("file_id").to_pylist()
    return [
        _unpack(orjson.loads(packed), FileId(UUID(file_id)), score)
        for packed, file_id, score in zip(stored, files, scores, strict=True)
    ]


def to_microseconds(moment: datetime) -> int:
    """Exact, unlike ``moment.timestamp()``, so that bounds of a filter are sharp."""
    return (moment - _EPOCH) // _MICROSECOND


def _pack(chunk: Chunk) -> bytes:
    record = chunk.record
    return orjson.dumps(
        {
            "chunk_id": chunk.chunk_id,
            "record_id": record.record_id,
            "text": chunk.text,
            "source_type": record.source_type,
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
        },
        option=orjson.OPT_NON_STR_KEYS,
        default=str,
    )


def _packed_members(chunk: Chunk) -> dict[str, JsonValue]:
    """Only passages have the entry: most hits are spared reading it."""
    members = [(one.record_id, one.start, one.end, one.at) for one in chunk.members]
    return {"members": members} if members else {}


def _member(record_id: str, start: int, end: int, at: int) -> Member:
    return Member(RecordId(UUID(record_id)), start, end, at)


def _unpack(stored: Mapping[str, JsonValue], file_id: FileId, score: float) -> Candidate:
    timestamp = stored["timestamp"]
    return Candidate(
        chunk_id=ChunkId(UUID(stored["chunk_id"])),
        record_id=RecordId(UUID(stored["record_id"])),
        file_id=file_id,
        score=score,
        text=stored["text"],
        source_type=stored["source_type"],
        content_type=stored["content_type"],
        title=stored["title"],
        author=stored["author"],
        timestamp=datetime.fromisoformat(timestamp) if timestamp else None,
        url=stored["url"],
        thread=stored["thread"],
        metadata=stored["metadata"],
        start=stored["start"],
        end=stored["end"],
        members=tuple(_member(*packed) for packed in stored.get("members", ())),
    )
