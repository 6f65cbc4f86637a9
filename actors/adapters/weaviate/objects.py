"""How a chunk lies in the collection, and how it is read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from weaviate.classes.data import DataObject

from actors.adapters.english import filling, words_of
from actors.adapters.weaviate.vectors import VECTOR, Vectors
from domain.models.chunks import (
    Chunk,
    EmbeddedChunk,
    Embedding,
    Member,
    Vector,
    heading_of,
    hit_metadata,
    labels_of,
)
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.records import JsonValue
from domain.models.search import Candidate, KeptChunk, Match, best_first

Properties = Mapping[str, Any]
Object = DataObject[dict[str, Any], None]

SHOWN = [
    "content",
    "sourceType",
    "fileImportId",
    "recordId",
    "metadata",
    "details",
    "timestampMicros",
]
"""The properties that a search reads: all that a hit shows. Each costs the client microseconds for
every hit, so what nothing compares is packed into ``details``."""

MAX_BATCH_OBJECTS = 500
MAX_BATCH_BYTES = 8 * 1024 * 1024

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_objects(chunks: Sequence[EmbeddedChunk], vectors: Vectors) -> list[Object]:
    """Each chunk under its own id."""
    return [
        DataObject(_properties(each), uuid=each.chunk.chunk_id, vector=vectors.of(each))
        for each in chunks
    ]


def batches(chunks: Sequence[EmbeddedChunk]) -> Iterator[Sequence[EmbeddedChunk]]:
    """Neighbouring chunks, as many as one message should carry."""
    start, size = 0, 0
    for at, embedded in enumerate(chunks):
        size += 3 * len(embedded.chunk.text) + embedded.embedding.nbytes
        if at + 1 - start == MAX_BATCH_OBJECTS or size >= MAX_BATCH_BYTES:
            yield chunks[start : at + 1]
            start, size = at + 1, 0
    if start < len(chunks):
        yield chunks[start:]


def seconds_of(properties: Properties) -> float:
    """When a chunk's record was, in seconds since 1970; 0 if that is not known."""
    return (properties["timestampMicros"] or 0) / 1_000_000


def to_matches(objects: Sequence[Any], score: Callable[[Any], float | None]) -> list[Match]:
    """What a search has found, with vectors where it brought them; ``score`` reads an object's."""
    brought = [each.vector[VECTOR] for each in objects if VECTOR in each.vector]
    vectors = iter(_halves(brought) if brought else ())
    return [
        to_match(
            each.uuid,
            each.properties,
            score(each) or 0.0,
            next(vectors) if VECTOR in each.vector else None,
        )
        for each in objects
    ]


def to_nearest(objects: Sequence[Any], embedding: Embedding) -> list[Match]:
    """What a search near ``embedding`` has found, all with vectors, best first.

    Scores are the cosines of the vectors that the matches have, which are to the last bit but one
    those that the index in the data directory compares.
    """
    if not objects:
        return []
    vectors = _halves([each.vector[VECTOR] for each in objects])
    cosines = vectors.astype(np.float32) @ embedding
    matches = [
        to_match(each.uuid, each.properties, cosine, vector)
        for each, cosine, vector in zip(objects, cosines.tolist(), vectors, strict=True)
    ]
    return best_first(matches)


def to_match(
    chunk_id: UUID, properties: Properties, score: float, vector: Vector | None = None
) -> Match:
    """A found chunk, which is read only if it is to be shown."""
    record_id = RecordId(properties["recordId"])
    read = partial(_candidate, chunk_id, properties, score)
    moment = _moment(properties["timestampMicros"])
    heading = heading_of(orjson.loads(properties["details"])["title"])
    return Match(
        record_id,
        properties["sourceType"],
        score,
        read,
        moment,
        vector,
        heading=heading,
        chunk=chunk_id.bytes,
    )


def to_kept(chunk_id: UUID, properties: Properties, vectors: Mapping[str, Any]) -> KeptChunk:
    """A stored chunk with its vector, whose length is one again."""
    [vector] = _directions([vectors[VECTOR]])
    return KeptChunk(_candidate(chunk_id, properties, 0.0), vector)


def _halves(vectors: Sequence[Sequence[float]]) -> NDArray[np.float16]:
    """Vectors whose lengths are one, in rows, at 16 bits a number."""
    return _directions(vectors).astype(np.float16)


def _directions(vectors: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Vectors whose lengths are one, in rows."""
    rows = np.array(vectors, dtype=np.float32).reshape(len(vectors), -1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


def to_microseconds(moment: datetime) -> int:
    """Exact, unlike ``moment.timestamp()``, so that bounds of a filter are sharp."""
    return (moment - _EPOCH) // _MICROSECOND


def stored_label(label: str) -> str:
    """A label or principal as it is stored: in quotes, since Weaviate trims what it compares."""
    return f'"{label}"'


def _properties(embedded: EmbeddedChunk) -> dict[str, Any]:
    chunk, record = embedded.chunk, embedded.chunk.record
    words = words_of(chunk.search_text)
    properties = {
        "content": chunk.text,
        "sourceType": record.source_type,
        "contentType": str(record.content_type),
        "timestamp": record.timestamp,
        "timestampMicros": to_microseconds(record.timestamp) if record.timestamp else None,
        "metadata": _json(hit_metadata(chunk)),
        "fileImportId": str(embedded.file_id),
        "recordId": record.record_id,
        "title": record.title,
        "details": _json(_details(chunk)),
        "labels": [stored_label(each) for each in labels_of(chunk)],
        "visibility": [stored_label(each) for each in record.visibility],
        "words": " ".join([*words, *filling(len(words))]),
    }
    return {name: value for name, value in properties.items() if value is not None}


def _details(chunk: Chunk) -> dict[str, JsonValue]:
    record = chunk.record
    return {
        "contentType": str(record.content_type),
        "title": record.title,
        "author": record.author,
        "timestamp": record.timestamp.isoformat() if record.timestamp else None,
        "url": record.url,
        "thread": record.thread,
        "position": chunk.position,
        "start": chunk.start,
        "end": chunk.end,
        "members": [[str(one.record_id), one.start, one.end, one.at] for one in chunk.members],
    }


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str).decode()


def _candidate(chunk_id: UUID, properties: Properties, score: float) -> Candidate:
    details = orjson.loads(properties["details"])
    timestamp = details["timestamp"]
    return Candidate(
        chunk_id=ChunkId(UUID(int=chunk_id.int)),
        record_id=RecordId(properties["recordId"]),
        file_id=FileId(UUID(properties["fileImportId"])),
        score=score,
        text=properties["content"],
        source_type=properties["sourceType"],
        content_type=details["contentType"],
        title=details["title"],
        author=details["author"],
        timestamp=datetime.fromisoformat(timestamp) if timestamp else None,
        url=details["url"],
        thread=details["thread"],
        metadata=orjson.loads(properties["metadata"]),
        start=details["start"],
        end=details["end"],
        members=tuple(_member(*packed) for packed in details["members"]),
    )


def _member(record_id: str, start: int, end: int, at: int) -> Member:
    return Member(RecordId(UUID(record_id)), start, end, at)
