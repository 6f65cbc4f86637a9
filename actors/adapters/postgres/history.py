"""What was asked."""

from __future__ import annotations

from collections.abc import Sequence

from actors.adapters.postgres.database import Database
from actors.adapters.postgres.text import storable
from domain.ports.metadata_store import HistoryEntry

COLUMNS = (
    "query_text",
    "query_vector",
    "sources_searched",
    "result_count",
    "response_time_ms",
    "cached",
    "created_at",
)


class PostgresQueryHistory:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entries: Sequence[HistoryEntry]) -> None:
        rows = [
            (
                storable(entry.text),
                entry.embedding,
                [storable(source) for source in entry.sources],
                entry.result_count,
                entry.response_time_ms,
                entry.cached,
                entry.asked_at,
            )
            for entry in entries
        ]
        await self._database.copy("query_history", COLUMNS, rows)
