"""How a chunk lies in the table, and how it is read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actors.adapters.on_disk.rows import (
    Row,
    candidate_of,
    heading_in,
    pack,
    to_microseconds,
    unpack,
)
from domain.models.chunks import EmbeddedChunk, labels_of
from domain.models.search import KeptChunk

HIT_COLUMNS = ["hit", "file_id", "timestamp_us", "vector"]
"""What a search reads. Every further string column costs 0.2 to 0.4 ms per 100 hits, so all that
a hit shows is packed into one; ``file_id`` stands apart because ``reassign`` rewrites it."""

MAX_MERGE_BYTES = 16 * 1024 * 1024


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
    return (
        unpack(hit, file_id, moment, vector, heading=heading_in(hit))
        for hit, file_id, moment, vector in zip(packed, file_ids, moments, vectors, strict=True)
    )


def _vectors(read: pa.Table | pa.RecordBatch) -> NDArray[np.float32]:
    """Of shape ``(rows, dimension)``."""
    column = read.column("vector")
    chunks = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat: NDArray[np.float32] = chunks.flatten().to_numpy()
    return flat.reshape(read.num_rows, -1) if read.num_rows else flat.reshape(0, 0)


def kept_chunks(read: pa.Table) -> list[KeptChunk]:
    """The chunks of rows with ``HIT_COLUMNS``."""
    shown = (candidate_of(row, 0.0) for row in _rows(read))
    return [KeptChunk(*pair) for pair in zip(shown, _vectors(read), strict=True)]
