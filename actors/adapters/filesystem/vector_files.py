"""Vectors in Parquet files, a page of chunks in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from domain.models.ids import ChunkId
from domain.models.moving import KeptVector


def write_vectors(path: Path, vectors: Sequence[KeptVector]) -> None:
    """Write a file. Blocking."""
    length = len(vectors[0].embedding) if vectors else 0
    flat = np.concatenate([one.embedding for one in vectors]) if vectors else np.zeros(0)
    columns = {
        "chunk_id": pa.array([one.chunk_id.bytes for one in vectors], pa.binary(16)),
        "text_digest": pa.array([one.text_digest for one in vectors], pa.binary(16)),
        "metadata": pa.array([_json(one) for one in vectors], pa.binary()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), max(1, length)),
    }
    pq.write_table(pa.table(columns), path, compression="none", use_dictionary=False)


def read_vectors(path: Path) -> Mapping[ChunkId, KeptVector]:
    """Read a file. Blocking."""
    table = pq.read_table(path)
    vectors = table.column("vector").combine_chunks()
    if not len(vectors):
        return {}
    flat = vectors.flatten().to_numpy().reshape(len(vectors), -1)
    others = (table.column(name).to_pylist() for name in ("chunk_id", "text_digest", "metadata"))
    read = (
        KeptVector(ChunkId(UUID(bytes=chunk)), digest, vector, _metadata(packed))
        for chunk, digest, packed, vector in zip(*others, flat, strict=True)
    )
    return {one.chunk_id: one for one in read}


def _json(vector: KeptVector) -> bytes | None:
    return None if vector.metadata is None else orjson.dumps(vector.metadata)


def _metadata(packed: bytes | None) -> Mapping[str, object] | None:
    return None if packed is None else orjson.loads(packed)
