"""What was asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.text import storable
from domain.models.chunks import Embedding
from domain.ports.query_history import AskedQuery, HistoryEntry, HistoryView

COLUMNS = (
    "query_text",
    "query_vector",
    "sources_searched",
    "result_count",
    "response_time_ms",
    "cached",
    "created_at",
    "embedding_model",
    "asked_by",
    "weight",
)

_BY_TEXT = """
SELECT (array_agg(query_text ORDER BY created_at DESC))[1] AS text,
       sum(weight) AS times,
       coalesce(sum(weight) FILTER (WHERE cached), 0) AS cached,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY response_time_ms) AS median_ms,
       max(response_time_ms) AS slowest_ms,
       avg(result_count) AS mean_results,
       max(created_at) AS last_asked_at,
       {similarity} AS similarity
FROM query_history
WHERE created_at >= $1 AND {only}
GROUP BY lower(query_text)
HAVING {having}
ORDER BY {order}, last_asked_at DESC
LIMIT $2
"""


def _by_text(
    name: str, *, order: str, only: str = "TRUE", having: str = "TRUE", similarity: str = "NULL"
) -> str:
    statement = _BY_TEXT.format(order=order, only=only, having=having, similarity=similarity)
    return f"-- {name}{statement}"


VIEWS = {
    HistoryView.TOP: _by_text("history_top: what is asked most often", order="times DESC"),
    HistoryView.SLOW: _by_text(
        "history_slow: what took longest", order="slowest_ms DESC", only="NOT cached"
    ),
    HistoryView.EMPTY: _by_text(
        "history_empty: what finds nothing",
        order="times DESC",
        having="(array_agg(result_count ORDER BY created_at DESC))[1] = 0",
    ),
}

SIMILAR = _by_text(
    "history_similar: what is meant alike",
    order="similarity DESC",
    only="embedding_model = $3 AND vector_dims(query_vector) = $4",
    similarity="1 - min(query_vector <=> $5)",
)

FORGET = """-- history_forget: what somebody asked
WITH gone AS (DELETE FROM query_history WHERE asked_by = $1 RETURNING 1)
SELECT count(*) FROM gone
"""

PRUNE = """-- history_prune: the oldest
WITH gone AS (
    DELETE FROM query_history WHERE id IN (
        SELECT id FROM query_history WHERE created_at < now() - $1::interval
        ORDER BY created_at LIMIT $2
    ) RETURNING 1
)
SELECT count(*) FROM gone
"""


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
                None if entry.embedding is None else entry.model,
                storable(entry.asked_by),
                entry.weight,
            )
            for entry in entries
        ]
        await self._database.copy("query_history", COLUMNS, rows)

    async def view(self, view: HistoryView, *, since: datetime, limit: int) -> Sequence[AskedQuery]:
        return [_asked(row) for row in await self._database.fetch(VIEWS[view], since, limit)]

    async def similar(
        self, embedding: Embedding, *, model: str, since: datetime, limit: int
    ) -> Sequence[AskedQuery]:
        rows = await self._database.fetch(SIMILAR, since, limit, model, len(embedding), embedding)
        return [_asked(row) for row in rows]

    async def forget(self, asked_by: str) -> int:
        return int(await self._database.fetchval(FORGET, storable(asked_by)))

    async def prune(self, *, older_than_seconds: float, limit: int) -> int:
        age = timedelta(seconds=older_than_seconds)
        return int(await self._database.fetchval(PRUNE, age, limit))


def _asked(row: Row) -> AskedQuery:
    return AskedQuery(
        text=row["text"],
        times=int(row["times"]),
        cached=int(row["cached"]),
        median_ms=float(row["median_ms"]),
        slowest_ms=int(row["slowest_ms"]),
        mean_results=float(row["mean_results"]),
        last_asked_at=row["last_asked_at"],
        similarity=None if row["similarity"] is None else float(row["similarity"]),
    )
