"""The outbox as its reader sees it: leases on events, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from actors.adapters.postgres import dead_events
from actors.adapters.postgres.database import Database
from actors.adapters.postgres.listening import Listener
from actors.adapters.postgres.text import storable
from domain.models.events import from_payload
from domain.ports.work_queue import OutboxEntry

# Limits that were set more than a minute ahead of now are void: the clock was put back since. The
# minute keeps a statement that began before another's commit from taking what that one has leased.
CLAIM = """-- claim_events: lease the oldest unhandled event of each file, where it is due
WITH due AS (
    SELECT entry.id FROM outbox AS entry
    WHERE entry.handled_at IS NULL
      AND (entry.timed_at > now() + interval '1 minute'
        OR entry.due_at <= now() AND (entry.leased_until IS NULL OR entry.leased_until <= now()))
      AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier
        WHERE earlier.file_id = entry.file_id AND earlier.id < entry.id
          AND earlier.handled_at IS NULL
      )
    ORDER BY entry.urgency, entry.id
    LIMIT $1
    FOR UPDATE OF entry SKIP LOCKED
)
UPDATE outbox SET attempts = attempts + 1, leased_until = now() + $2, timed_at = now()
FROM due WHERE outbox.id = due.id
RETURNING outbox.id, outbox.name, outbox.payload, outbox.attempts, outbox.failures, outbox.urgency
"""

EXTEND = """-- extend_events: heartbeat of events that are being handled
UPDATE outbox SET leased_until = now() + $2, timed_at = now()
WHERE id = ANY($1::bigint[]) AND handled_at IS NULL
"""

RELEASE = """-- release_events: end all leases on events
UPDATE outbox SET leased_until = NULL WHERE handled_at IS NULL AND leased_until IS NOT NULL
"""

HANDLED = """-- event_handled: the event is done, and its file's next may come
UPDATE outbox SET handled_at = coalesce(handled_at, now()), leased_until = NULL
WHERE id = $1 RETURNING pg_notify('headrace_events', '')
"""

RETRY = """-- event_failed: put the event back for later
UPDATE outbox
SET due_at = now() + $3, leased_until = NULL, timed_at = now(), error = $2,
    failures = failures + CASE WHEN $4 THEN 1 ELSE 0 END
WHERE id = $1 AND handled_at IS NULL
"""

GENERATION = """-- generation: number of the index's present content
SELECT generation FROM index_generation
"""

LINEAGE = """-- lineage: which history of generations this is
SELECT lineage FROM index_generation
"""

BUMP_GENERATION = """-- bump_generation: the index's content has changed
UPDATE index_generation SET generation = generation + 1
RETURNING generation, pg_notify('headrace_generation', generation::text)
"""


class PostgresEventLog:
    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener

    async def claim(self, *, limit: int, lease_seconds: float) -> Sequence[OutboxEntry]:
        rows = await self._database.fetch(CLAIM, limit, timedelta(seconds=lease_seconds))
        rows.sort(key=lambda row: (row["urgency"], row["id"]))
        return [
            OutboxEntry(
                entry_id=row["id"],
                event=from_payload(row["name"], row["payload"]),
                attempt=row["attempts"],
                failures=row["failures"],
            )
            for row in rows
        ]

    async def extend(self, entry_ids: Sequence[int], *, lease_seconds: float) -> None:
        await self._database.fetch(EXTEND, list(entry_ids), timedelta(seconds=lease_seconds))

    async def release(self) -> None:
        await self._database.fetch(RELEASE)

    async def handled(self, entry_id: int) -> None:
        await self._database.fetch(HANDLED, entry_id)

    async def failed(
        self,
        entry_id: int,
        *,
        error: str,
        retry_in_seconds: float | None,
        by_its_fault: bool = False,
    ) -> None:
        if retry_in_seconds is None:
            async with self._database.transaction() as connection:
                await dead_events.bury(connection, entry_id, error)
        else:
            delay = timedelta(seconds=retry_in_seconds)
            await self._database.fetch(RETRY, entry_id, storable(error), delay, by_its_fault)

    async def wait(self, *, timeout_seconds: float) -> None:
        await self._listener.wait(timeout_seconds)

    async def generation(self) -> int:
        return int(await self._database.fetchval(GENERATION))

    async def lineage(self) -> UUID:
        return UUID(str(await self._database.fetchval(LINEAGE)))

    async def bump_generation(self) -> int:
        return int(await self._database.fetchval(BUMP_GENERATION))

    def watch_generation(self, callback: Callable[[], None]) -> None:
        """Call back soon after every bump, and whenever one may have been missed."""
        self._listener.watch_generation(callback)
