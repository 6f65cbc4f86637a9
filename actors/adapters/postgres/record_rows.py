"""From records to rows of ``parsed_content`` and back."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from actors.adapters.postgres.database import Row
from actors.adapters.postgres.text import (
    MAX_SOURCE_ID_CHARS,
    array_literal,
    json_text,
    parse_place,
)
from domain.models.ids import RecordId
from domain.models.records import ContentType, Record, StoredRecord


def source_id_of(native_id: str) -> str:
    """The native id; of one that is too long for the column, its beginning and a digest."""
    if len(native_id) <= MAX_SOURCE_ID_CHARS:
        return native_id
    digest = blake2b(native_id.encode(), digest_size=16).hexdigest()
    return f"{native_id[: MAX_SOURCE_ID_CHARS - len(digest) - 1]}~{digest}"


def record_columns(records: Sequence[tuple[RecordId, Record, str]]) -> list[list[Any]]:
    """Ids, records and content hashes, turned into one list per column of ``STAGED_COLUMNS``."""
    rows = [_row(record_id, record, content_hash) for record_id, record, content_hash in records]
    return [list(column) for column in zip(*rows, strict=True)]


def _row(record_id: RecordId, record: Record, content_hash: str) -> tuple[Any, ...]:
    source_id = source_id_of(record.native_id)
    return (
        record_id,
        record.content_type,
        source_id,
        None if source_id == record.native_id else record.native_id,
        record.source_type,
        record.content,
        json_text(dict(record.metadata)),
        record.title,
        record.author,
        record.timestamp,
        record.url,
        record.thread,
        record.version,
        array_literal(record.visibility),
        str(record.place),
        content_hash,
    )


def stored_record(row: Row, *, chunk_count: str = "chunk_count") -> StoredRecord:
    return StoredRecord(
        record_id=row["id"],
        record=Record(
            source_type=row["source_type"],
            native_id=row["native_id"] or row["source_id"],
            content_type=ContentType(row["content_type"]),
            content=row["content"],
            place=parse_place(row["place"]),
            title=row["title"],
            author=row["author"],
            timestamp=row["occurred_at"],
            url=row["url"],
            thread=row["thread"],
            metadata=row["metadata"],
            version=row["version"],
            visibility=tuple(row["visibility"]),
        ),
        file_id=row["file_import_id"],
        parser=row["parser"],
        chunk_count=row[chunk_count],
        embedding_model=row["embedding_model"],
    )
