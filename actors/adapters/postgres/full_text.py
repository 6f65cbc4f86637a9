"""Full-text search by PostgreSQL itself, for when the search index gives no answer."""

from __future__ import annotations

from functools import partial

from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.text import storable
from domain.models.chunks import Chunk, hit_metadata
from domain.models.ids import derive_chunk_id
from domain.models.records import StoredRecord
from domain.models.search import Candidate, Match, SearchFilter
from domain.snippets import snippet

MAX_RANKED = 1_000
"""Records that are ranked: a rank costs about 0.1 ms, as the words are not stored."""

MAX_HIT_CHARS = 2_000

WORDS = (
    "to_tsvector('english', left(coalesce(title, ''), 1000) || ' ' "
    "|| left(coalesce(content, ''), 100000))"
)
"""As in the index of migration 6."""

ANY_WORD = "replace(plainto_tsquery('english', $1)::text, ' & ', ' | ')::tsquery"

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
                ELSE metadata ->> wanted.key = wanted.value
            END, FALSE)
    )
    AND ($11::uuid[] IS NULL OR id = ANY($11))"""

SEARCH = f"""-- search_words: records with any of the words, those with all of them surely
WITH found AS (
    (SELECT id FROM parsed_content
     WHERE {WORDS} @@ plainto_tsquery('english', $1) AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content WHERE {WORDS} @@ {ANY_WORD} AND {ALLOWED} LIMIT $3)
)
SELECT record.*, ts_rank({WORDS}, {ANY_WORD}, 1) AS score
FROM found JOIN parsed_content AS record USING (id)
ORDER BY score DESC, id LIMIT $2
"""


class PostgresFullText:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        principals = where.scope.principals
        rows = await self._database.fetch(
            SEARCH,
            storable(text),
            limit,
            MAX_RANKED,
            list(where.sources),
            list(where.content_types),
            where.since,
            where.until,
            None if principals is None else list(principals),
            [storable(key) for key in where.metadata],
            [_as_text(value) for value in where.metadata.values()],
            list(where.within.records) if where.within else None,
        )
        return [_match(row, text) for row in rows]


def _as_text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else storable(str(value))


def _match(row: Row, text: str) -> Match:
    stored, score = stored_record(row), float(row["score"])
    read = partial(_candidate, stored, score, text)
    record = stored.record
    return Match(stored.record_id, record.source_type, score, read, record.timestamp)


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
