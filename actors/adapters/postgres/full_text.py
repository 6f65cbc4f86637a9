"""Full-text search by PostgreSQL itself, for when the search index gives no answer."""

from __future__ import annotations

from itertools import islice

from actors.adapters.postgres.database import Database
from actors.adapters.postgres.matches import ALLOWED, allowed_by, match_of, says_what_is_asked
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.text import storable
from domain.models.search import Match, SearchFilter
from domain.words import pairs_of, without_unspaced

MAX_RANKED = 1_000
"""Records that are ranked: a rank costs about 0.1 ms, as the words are not stored."""

MAX_PAIRS = 256

WORDS = (
    "to_tsvector('english', headrace_spaced(left(coalesce(title, ''), 1000) || ' ' "
    "|| left(coalesce(content, ''), 100000)))"
)
"""As in the index of migration 28."""

ALL_WORDS = "(plainto_tsquery('english', $1) && $12::tsquery)"
ANY_WORD = "(replace(plainto_tsquery('english', $1)::text, ' & ', ' | ')::tsquery || $13::tsquery)"

SEARCH = f"""-- search_words: records with any of the words, those with all of them surely
WITH found AS (
    (SELECT id FROM parsed_content WHERE {WORDS} @@ {ALL_WORDS} AND {ALLOWED} LIMIT $3)
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
        pairs = pairs_in(text)
        rows = await self._database.fetch(
            SEARCH,
            storable(without_unspaced(text)),
            MAX_RANKED if where.looks_into_texts else limit,
            MAX_RANKED,
            *allowed_by(where),
            " & ".join(pairs),
            " | ".join(pairs),
        )
        found = ((stored_record(row), float(row["score"])) for row in rows)
        asked = (each for each in found if says_what_is_asked(each[0], where))
        return [match_of(stored, score, text) for stored, score in islice(asked, limit)]


def pairs_in(text: str) -> list[str]:
    """What a query has of words without spaces between them, as parts of a ``tsquery``.

    The index has each character by itself, so that a pair is a phrase.
    """
    return [" <-> ".join(f"'{character}'" for character in pair) for pair in pairs_of(text)][
        :MAX_PAIRS
    ]
