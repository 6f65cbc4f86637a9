"""Chunks as objects of the collection."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest

from actors.adapters.weaviate.objects import (
    MAX_BATCH_OBJECTS,
    batches,
    to_match,
    to_nearest,
    to_objects,
)
from actors.adapters.weaviate.vectors import VECTOR, OwnVectors
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record


def embedded(text: str = "pump", timestamp: datetime | None = None) -> EmbeddedChunk:
    record = Record(
        source_type="csv",
        native_id=text,
        content_type=ContentType.RECORD,
        content=text,
        timestamp=timestamp,
        place=Place(0, len(text)),
    )
    chunk_id = derive_chunk_id(record.record_id, 0, "test")
    chunk = Chunk(chunk_id, record, 0, text, 0, len(text))
    file_id = FileId(uuid5(NAMESPACE_OID, "file"))
    return EmbeddedChunk(chunk, file_id, np.ones(4, dtype=np.float32))


def test_batches_hold_every_chunk_once_and_in_order() -> None:
    chunks = [embedded(str(n)) for n in range(MAX_BATCH_OBJECTS + 1)]
    assert [len(batch) for batch in batches(chunks)] == [MAX_BATCH_OBJECTS, 1]
    assert [each for batch in batches(chunks) for each in batch] == chunks


def test_long_texts_come_in_smaller_batches() -> None:
    chunks = [embedded(f"{n}" + "x" * 2_000_000) for n in range(5)]
    assert [len(batch) for batch in batches(chunks)] == [2, 2, 1]


@pytest.mark.parametrize("year", [1, 1700, 1969, 2024, 2999, 9999])
def test_a_timestamp_of_any_year_comes_back_as_it_was(year: int) -> None:
    moment = datetime(year, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    [stored] = to_objects([embedded(timestamp=moment)], OwnVectors(4))
    assert to_match(stored.uuid, stored.properties, 1.0).read().timestamp == moment


def test_a_chunk_written_again_has_a_vector_of_another_length_in_the_same_direction() -> None:
    chunk = embedded()
    first, second = (np.array(OwnVectors(4).of(chunk)[VECTOR]) for _ in range(2))
    assert not np.array_equal(first, second)
    assert first / np.linalg.norm(first) == pytest.approx(second / np.linalg.norm(second), abs=1e-6)


def test_the_nearest_have_the_cosines_of_their_vectors_at_16_bits_best_first() -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((20, 4)).astype(np.float32)
    query = vectors[0] / np.linalg.norm(vectors[0])
    moment = datetime(2026, 5, 6, tzinfo=UTC)
    stored = to_objects([embedded(str(n), moment) for n in range(20)], OwnVectors(4))
    found = [
        SimpleNamespace(uuid=each.uuid, properties=each.properties, vector={VECTOR: list(vector)})
        for each, vector in zip(stored, 1.7 * vectors, strict=True)
    ]
    nearest = to_nearest(found, query)
    halves = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = sorted(halves.astype(np.float16).astype(np.float32) @ query, reverse=True)
    assert [match.score for match in nearest] == pytest.approx(expected, abs=1e-6)
    assert [match.vector.dtype for match in nearest] == [np.float16] * 20
