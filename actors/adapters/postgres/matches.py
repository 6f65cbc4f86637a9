"""Stored records as matches of a search that PostgreSQL has done itself."""

from __future__ import annotations

from functools import partial

from actors.adapters.postgres.text import storable
from domain.models.chunks import Chunk, entries_of, hit_metadata
from domain.models.ids import derive_chunk_id
from domain.models.records import StoredRecord
from domain.models.search import Candidate, Match, SearchFilter
from domain.snippets import snippet
from domain.text_conditions import are_met

MAX_HIT_CHARS = 2_000

ALLOWED = """content_type <> 'tombstone'
    AND (cardinality($4::text[]) = 0 OR source_type = ANY($4))
    AND (cardinality($5::text[]) = 0 OR content_type = ANY($5))
    AND ($6::timestamptz IS NULL OR occurred_at >= $6)
    AND ($7::timestamptz IS NULL OR occurred_at < $7)
    AND ($8::text[] IS NULL OR visibility && $8)
    AND NOT EXISTS (
        SELECT 1 FROM unnest($9::text[], $10::text[]) AS wanted(key, value)
        WHERE NOT coalesce(
            CASE jsonb_typeof(metadata -> wanted.key)
                WHEN 'array' THEN metadata -> wanted.key ? wanted.value
                ELSE coalesce(metadata ->> wanted.key,
                              CASE WHEN wanted.key = 'author' THEN author END) = wanted.value
            END, FALSE)
    )
    AND ($11::uuid[] IS NULL OR id = ANY($11))"""
"""What a filter asks of a row, but for what looks into texts; $4 to $11 are ``allowed_by``."""


def allowed_by(where: SearchFilter) -> tuple[object, ...]:
    """The arguments $4 to $11 of ``ALLOWED``."""
    principals = where.scope.principals
    return (
        list(where.sources),
        list(where.content_types),
        where.since,
        where.until,
        None if principals is None else list(principals),
        [storable(key) for key in where.metadata],
        [_as_text(value) for value in where.metadata.values()],
        list(where.within.records) if where.within else None,
    )


def _as_text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else storable(str(value))


def says_what_is_asked(stored: StoredRecord, where: SearchFilter) -> bool:
    """Whether the whole record is as the filter asks in what looks into texts."""
    record = stored.record
    text = f"{record.title}\n{record.content}" if record.title else record.content
    entries = entries_of(record.metadata, record.author)
    return not where.looks_into_texts or are_met(where, text, entries)


def match_of(stored: StoredRecord, score: float, text: str) -> Match:
    """The record as a match, which shows its beginning or the part that fits ``text``."""
    read = partial(_candidate, stored, score, text)
    record = stored.record
    return Match(
        stored.record_id, record.source_type, score, read, record.timestamp, heading=record.title
    )


def _candidate(stored: StoredRecord, score: float, text: str) -> Candidate:
    record = stored.record
    is_short = len(record.content) <= MAX_HIT_CHARS
    shown = record.content if is_short else snippet(record.content, text, MAX_HIT_CHARS)
    chunk_id = derive_chunk_id(stored.record_id, 0, stored.embedding_model or "")
    chunk = Chunk(chunk_id, record, 0, shown, 0, len(record.content))
    return Candidate(
        chunk_id=chunk.chunk_id,
        record_id=stored.record_id,
        file_id=stored.file_id,
        score=score,
        text=chunk.text,
        source_type=record.source_type,
        content_type=record.content_type,
        title=record.title,
        author=record.author,
        timestamp=record.timestamp,
        url=record.url,
        thread=record.thread,
        metadata=hit_metadata(chunk),
        start=chunk.start,
        end=chunk.end,
    )
