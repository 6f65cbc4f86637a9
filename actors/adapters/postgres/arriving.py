"""Records on their way into the search index: ``arriving_records``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from actors.adapters.postgres import arriving_sql as sql
from actors.adapters.postgres.database import Connection, Database
from actors.adapters.postgres.full_text import MAX_RANKED, pairs_in
from actors.adapters.postgres.matches import allowed_by, match_of, says_what_is_asked
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.staging import Decision
from actors.adapters.postgres.text import storable
from domain.models.search import Match, SearchFilter
from domain.ports.arriving import Arrivals
from domain.words import without_unspaced

RANK_OF_ALL_WORDS = 0.1 / 1.64493406685
"""What ``ts_rank`` gives a record that has each of the words once."""


class PostgresArrivingRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, text: str, *, limit: int, where: SearchFilter, seen: datetime | None
    ) -> Sequence[Match]:
        pairs = pairs_in(text)
        rows = await self._database.fetch(
            sql.SEARCH,
            storable(without_unspaced(text)),
            MAX_RANKED if where.looks_into_texts else limit,
            MAX_RANKED,
            *allowed_by(where),
            " & ".join(pairs),
            " | ".join(pairs),
            seen,
            where != SearchFilter(),
        )
        found = (
            match_of(stored, min(1.0, row["score"] / RANK_OF_ALL_WORDS), text)._replace(
                is_new=row["is_new"]
            )
            for row in rows
            if says_what_is_asked(stored := stored_record(row), where)
        )
        return list(islice(found, limit))

    async def now(self) -> datetime:
        (row,) = await self._database.fetch(sql.NOW)
        moment: datetime = row["now"]
        return moment

    async def look(self, *, seen: datetime | None) -> Arrivals:
        (row,) = await self._database.fetch(sql.LOOK, seen)
        return Arrivals(row["now"], row["are_any"], row["are_new"])

    async def sweep(self) -> int:
        return len(await self._database.fetch(sql.SWEEP))


async def note_arriving(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Let what the index is to be given be found by its words; needs the records' rows."""
    arriving = [one.record_id for one in decisions if one.to_embed]
    if arriving:
        written = [one.record_id for one in decisions if one.written]
        await connection.execute(sql.ARRIVE, arriving, written)
