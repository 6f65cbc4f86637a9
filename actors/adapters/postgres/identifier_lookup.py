"""Looking identifiers up in stored records."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.full_text import WORDS
from actors.adapters.postgres.matches import ALLOWED, allowed_by, match_of, says_what_is_asked
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.text import storable
from domain.identifiers import exactness
from domain.models.analysis import Identifier, IdentifierKind
from domain.models.records import StoredRecord
from domain.models.search import Match, SearchFilter
from domain.snippets import stems_of

MAX_LOOKED_AT = 1_000
"""Records of each kind that are looked at: those that an identifier names, those with it in a
field, those that mention it."""

MAX_INLINE_ROWS, MAX_INLINE_CHARS = 100, 50_000
"""Up to so many are ranked where they are, more in a thread, which takes longer to begin."""

MAX_TOKEN_CHARS = 500
"""Of a longer URL the beginning is looked up, and the rest told from the texts."""

MAX_PARAMETERS = 20
TRACKED_BY = ("utm_", "fbclid=", "gclid=", "mc_")
_ENDS_TOKEN = re.compile(r"[^!-~]|[\"<>\\^`{|}]")
"""What PostgreSQL takes for no character of a URL."""

FIELDS = "to_tsvector('simple', left(metadata::text, 100000))"
BARE_URL = "headrace_bare_url(url)"
"""As in the indexes of migration 28."""

FIND = f"""-- find_identifiers: records with the tokens of an identifier, or its own
WITH spelled AS (
    SELECT coalesce(string_agg('(' || plainto_tsquery('simple', spelling)::text || ')', ' | '), '')
               ::tsquery || $16::tsquery AS in_fields,
           coalesce(string_agg('(' || plainto_tsquery('english', spelling)::text || ')', ' | '), '')
               ::tsquery || $16::tsquery AS in_words
    FROM unnest($1::text[]) AS spelling
    WHERE numnode(plainto_tsquery('simple', spelling)) > 0
), found AS (
    (SELECT id FROM parsed_content
     WHERE content_type = ANY($15::text[]) AND source_id = ANY($2::text[])
       AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content
     WHERE url IS NOT NULL AND {BARE_URL} = ANY($12::text[]) AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content WHERE id = ANY($13::uuid[]) AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content
     WHERE {FIELDS} @@ (SELECT in_fields FROM spelled) AND metadata ->> 'Id' = ANY($1::text[])
       AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content
     WHERE {FIELDS} @@ (SELECT in_fields FROM spelled)
       AND EXISTS (SELECT 1 FROM jsonb_each_text(metadata) AS entry
                   WHERE lower(entry.value) = ANY($14::text[]))
       AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content
     WHERE {FIELDS} @@ (SELECT in_fields FROM spelled) AND {ALLOWED} LIMIT $3)
    UNION
    (SELECT id FROM parsed_content
     WHERE {WORDS} @@ (SELECT in_words FROM spelled) AND {ALLOWED} LIMIT $3)
)
SELECT record.* FROM found JOIN parsed_content AS record USING (id)
"""

_CONTENT_TYPES = ["message", "transcript", "record", "document"]


class PostgresIdentifierLookup:
    """Indexes give the records with an identifier's tokens; which are its own is told from them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, identifiers: Sequence[Identifier], *, text: str, limit: int, where: SearchFilter
    ) -> list[Match]:
        urls = [storable(one.spellings[0]) for one in identifiers if _is_url(one)]
        spellings = [storable(spelling) for one in identifiers for spelling in one.spellings]
        uuids = (one for one in identifiers if one.kind is IdentifierKind.UUID)
        rows = await self._database.fetch(
            FIND,
            spellings,
            [native_id for one in identifiers for native_id in one.native_ids],
            MAX_LOOKED_AT,
            *allowed_by(where),
            [url.lower() for url in urls],
            [UUID(one.spellings[0]) for one in uuids],
            [spelling.lower() for spelling in spellings],
            _CONTENT_TYPES,
            " | ".join(token for url in urls for token in _url_tokens(url)),
        )

        def ranked() -> list[Match]:
            found = (stored_record(row) for row in rows)
            asked = [stored for stored in found if says_what_is_asked(stored, where)]
            return _ranked(asked, identifiers, text)[:limit]

        return ranked() if _are_short(rows) else await asyncio.to_thread(ranked)


def _are_short(rows: Sequence[Row]) -> bool:
    chars = sum(len(row["content"] or "") for row in rows)
    return len(rows) <= MAX_INLINE_ROWS and chars <= MAX_INLINE_CHARS


def _is_url(identifier: Identifier) -> bool:
    return identifier.kind is IdentifierKind.URL


def _url_tokens(url: str) -> Iterable[str]:
    """Parts of a ``tsquery`` for texts that have the URL.

    PostgreSQL keeps a URL as one token, with whatever sign stands behind it, as far as ASCII goes.
    """
    known = _ENDS_TOKEN.split(url.lower(), maxsplit=1)[0][:MAX_TOKEN_CHARS]
    host, _, path = known.partition("/")
    if not path:  # A slash with nothing behind it is not in the token.
        yield from (_quoted(www + host) for www in ("", "www.") if host)
        return
    for start in (known, *_tracked(known)):
        yield from (f"{_quoted(www + start)}:*" for www in ("", "www."))


def _tracked(url: str) -> Iterable[str]:
    """How the URL begins in a text that has a parameter for tracking before one of its own."""
    path, question_mark, query = url.partition("?")
    parameters = query.split("&")[:MAX_PARAMETERS] if question_mark else []
    for count in range(len(parameters)):
        before = "".join(f"{one}&" for one in parameters[:count])
        yield from (f"{path}?{before}{by}" for by in TRACKED_BY)


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _ranked(
    found: Sequence[StoredRecord], identifiers: Sequence[Identifier], text: str
) -> list[Match]:
    wanted = stems_of(text)
    scored = []
    for stored in found:
        score = sum(exactness(stored.record, one) for one in identifiers)
        if score:
            record = stored.record
            shared = len(wanted & stems_of(f"{record.title} {record.content}"))
            age = -record.timestamp.timestamp() if record.timestamp else 0.0
            scored.append(((-score, -shared, age, str(stored.record_id)), stored))
    return [match_of(stored, float(-key[0]), text) for key, stored in sorted(scored, key=_key)]


def _key(scored: tuple[tuple[int, int, float, str], StoredRecord]) -> tuple[int, int, float, str]:
    return scored[0]
