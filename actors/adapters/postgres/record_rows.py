"""From records to rows of ``parsed_content`` and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from actors.adapters.postgres.database import Row
from actors.adapters.postgres.staging import Copy
from actors.adapters.postgres.text import (
    MAX_SOURCE_ID_CHARS,
    array_literal,
    json_text,
    more_of,
    parse_place,
    segments_json,
    segments_of,
)
from domain.models.ids import RecordId
from domain.models.records import ContentType, Record, StoredRecord


def source_id_of(native_id: str) -> str:
    """The native id; of one that is too long for the column, its beginning and a digest."""
    if len(native_id) <= MAX_SOURCE_ID_CHARS:
        return native_id
    digest = blake2b(native_id.encode(), digest_size=16).hexdigest()
    return f"{native_id[: MAX_SOURCE_ID_CHARS - len(digest) - 1]}~{digest}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A record with references as the store shows it, and as it came.

    ``names`` says what it shows for each of its references' keys; ``None`` is the fallback.
    """

    record_id: RecordId
    record: Record
    content_hash: str
    template: Record
    source_hash: str
    names: Mapping[str, str | None]


def record_columns(records: Sequence[Copy | Shown]) -> list[list[Any]]:
    """One list for every column that staging writes; a copy is shown as it came."""
    return [list(column) for column in zip(*map(_row, records), strict=True)]


def _row(shown: Copy | Shown) -> tuple[Any, ...]:
    record = shown.record
    source_id = source_id_of(record.native_id)
    return (
        shown.record_id,
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
        shown.content_hash,
        more_text(record),
        *(_source_of(shown) if isinstance(shown, Shown) else (None, None)),
    )


def _source_of(shown: Shown) -> tuple[str, str]:
    return template_text(shown.template), shown.source_hash


def more_text(record: Record) -> str | None:
    more = more_of(record)
    return json_text(more) if more else None


def template_text(record: Record) -> str:
    return json_text(
        {
            "title": record.title,
            "author": record.author,
            "content": record.content,
            "metadata": dict(record.metadata),
            "segments": segments_json(record.segments),
            "url": record.url,
            "timestamp": record.timestamp.isoformat() if record.timestamp else None,
            "visibility": record.visibility,
        }
    )


def template_of(row: Row) -> Record:
    """The stored record as it came."""
    template = orjson.loads(row["template"])
    moment = template["timestamp"]
    as_it_came = {
        **template,
        "segments": segments_of(template["segments"]),
        "timestamp": datetime.fromisoformat(moment) if moment else None,
        "visibility": tuple(template["visibility"]),
    }
    return replace(stored_record(row).record, **as_it_came)


def stored_record(row: Row, *, chunk_count: str = "chunk_count") -> StoredRecord:
    more = orjson.loads(row["more"]) if row["more"] else {}
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
            segments=segments_of(more.get("segments", ())),
            group=more.get("group"),
            names=more.get("names", {}),
        ),
        file_id=row["file_import_id"],
        parser=row["parser"],
        chunk_count=row[chunk_count],
        embedding_model=row["embedding_model"],
    )
