"""The outbox and the dead events as one log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from actors.adapters.postgres import dead_events
from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.listening import Listener
from domain.models.events import EventCounts, EventState, LoggedEvent, from_payload
from domain.models.ids import FileId

_LOG = """
    SELECT id, file_id, name, payload, attempts, created_at, handled_at AS ended_at, error,
           CASE WHEN handled_at IS NULL THEN 'pending' ELSE 'handled' END AS state
    FROM outbox
    UNION ALL
    SELECT id, file_id, name, payload, attempts, created_at, died_at, error, 'dead'
    FROM dead_events
"""

AFTER = f"""-- events_after: a page of the log
SELECT * FROM ({_LOG}) AS log WHERE id > $1 ORDER BY id LIMIT $2
"""

AFTER_OF_FILE = f"""-- events_after_of_file: a page of one file's log
SELECT * FROM ({_LOG}) AS log WHERE id > $1 AND file_id = $3 ORDER BY id LIMIT $2
"""

LATEST = f"""-- latest_events: the end of the log
SELECT * FROM ({_LOG}) AS log ORDER BY id DESC LIMIT $1
"""

LATEST_OF_FILE = f"""-- latest_events_of_file: the end of one file's log
SELECT * FROM ({_LOG}) AS log WHERE file_id = $2 ORDER BY id DESC LIMIT $1
"""

DEAD = """-- list_dead_events: the last that were given up
SELECT id, file_id, name, payload, attempts, created_at, died_at AS ended_at, error, 'dead' AS state
FROM dead_events
WHERE $2::uuid IS NULL OR file_id = $2
ORDER BY id DESC LIMIT $1
"""

DEAD_OF_FILES = """-- dead_events_of_files: those given up, of several files
SELECT id, file_id, name, payload, attempts, created_at, died_at AS ended_at, error, 'dead' AS state
FROM dead_events WHERE file_id = ANY($1::uuid[]) ORDER BY id
"""

PRUNE = """-- prune_events: remove a few that were handled long ago
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE handled_at < now() - $1::interval
    ORDER BY handled_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""

COUNTS = """-- count_events: those that wait, and those that were given up
SELECT count(*) AS pending,
       extract(epoch FROM now() - min(created_at))::float8 AS oldest_seconds,
       (SELECT count(*) FROM dead_events) AS dead
FROM outbox WHERE handled_at IS NULL
"""


class PostgresEventJournal:
    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener

    async def after(
        self, event_id: int, *, limit: int, file_id: FileId | None = None
    ) -> Sequence[LoggedEvent]:
        if file_id is None:
            rows = await self._database.fetch(AFTER, event_id, limit)
        else:
            rows = await self._database.fetch(AFTER_OF_FILE, event_id, limit, file_id)
        return [logged_event(row) for row in rows]

    async def latest(self, *, limit: int, file_id: FileId | None = None) -> Sequence[LoggedEvent]:
        if file_id is None:
            rows = await self._database.fetch(LATEST, limit)
        else:
            rows = await self._database.fetch(LATEST_OF_FILE, limit, file_id)
        return [logged_event(row) for row in reversed(rows)]

    async def dead(self, *, limit: int, file_id: FileId | None = None) -> Sequence[LoggedEvent]:
        rows = await self._database.fetch(DEAD, limit, file_id)
        return [logged_event(row) for row in reversed(rows)]

    async def replay(self, event_id: int) -> LoggedEvent:
        async with self._database.transaction() as connection:
            file_id = await dead_events.unbury(connection, event_id)
            row = await connection.fetchrow(AFTER_OF_FILE, event_id - 1, 1, file_id)
            assert row is not None
            return logged_event(row)

    async def prune(self, *, older_than_seconds: float, limit: int) -> int:
        age = timedelta(seconds=older_than_seconds)
        return len(await self._database.fetch(PRUNE, age, limit))

    async def counts(self) -> EventCounts:
        row = await self._database.fetchrow(COUNTS)
        assert row is not None
        return EventCounts(row["pending"], row["oldest_seconds"], row["dead"])

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._listener.watch_events(callback)


def logged_event(row: Row) -> LoggedEvent:
    return LoggedEvent(
        event_id=row["id"],
        event=from_payload(row["name"], row["payload"]),
        state=EventState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        error=row["error"],
    )
