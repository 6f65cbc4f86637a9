"""The outbox as its reader sees it, and the announcements that wake readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from actors.adapters.postgres.connecting import connect
from actors.adapters.postgres.database import Database
from actors.adapters.postgres.outbox import EVENTS_CHANNEL, GENERATION_CHANNEL
from actors.adapters.postgres.text import storable
from domain.errors import HeadraceError
from domain.models.events import from_payload
from domain.ports.metadata_store import OutboxEntry

log = structlog.get_logger(__name__)

CLAIM = """-- claim_events: lease the oldest unhandled event of each file, where it is due
WITH due AS (
    SELECT entry.id FROM outbox AS entry
    WHERE entry.handled_at IS NULL AND entry.dead_at IS NULL
      AND entry.due_at <= now() AND (entry.leased_until IS NULL OR entry.leased_until <= now())
      AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier
        WHERE earlier.file_id = entry.file_id AND earlier.id < entry.id
          AND earlier.handled_at IS NULL AND earlier.dead_at IS NULL
      )
    ORDER BY entry.id
    LIMIT $1
    FOR UPDATE OF entry SKIP LOCKED
)
UPDATE outbox SET attempts = attempts + 1, leased_until = now() + $2
FROM due WHERE outbox.id = due.id
RETURNING outbox.id, outbox.name, outbox.payload, outbox.attempts
"""

HANDLED = """-- event_handled: the event is done, and its file's next may come
UPDATE outbox SET handled_at = coalesce(handled_at, now()), leased_until = NULL
WHERE id = $1 RETURNING pg_notify('headrace_events', '')
"""

RETRY = """-- event_failed: put the event back for later
UPDATE outbox SET due_at = now() + $3, leased_until = NULL, error = $2 WHERE id = $1
"""

BURY = """-- event_dead: set the event aside for a person
UPDATE outbox SET dead_at = now(), leased_until = NULL, error = $2 WHERE id = $1
"""

GENERATION = """-- generation: number of the index's present content
SELECT generation FROM index_generation
"""

BUMP_GENERATION = """-- bump_generation: the index's content has changed
UPDATE index_generation SET generation = generation + 1
RETURNING generation, pg_notify('headrace_generation', generation::text)
"""

RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
"""How long a listener believes in a silent connection, and then how long it waits for an answer."""


class PostgresEventLog:
    def __init__(self, database: Database, *, listen_dsn: str) -> None:
        self._database = database
        self._listener = Listener(listen_dsn)

    async def claim(self, *, limit: int, lease_seconds: float) -> Sequence[OutboxEntry]:
        rows = await self._database.fetch(CLAIM, limit, timedelta(seconds=lease_seconds))
        rows.sort(key=lambda row: int(row["id"]))
        return [
            OutboxEntry(row["id"], from_payload(row["name"], row["payload"]), row["attempts"])
            for row in rows
        ]

    async def handled(self, entry_id: int) -> None:
        await self._database.fetch(HANDLED, entry_id)

    async def failed(self, entry_id: int, *, error: str, retry_in_seconds: float | None) -> None:
        if retry_in_seconds is None:
            await self._database.fetch(BURY, entry_id, storable(error))
        else:
            delay = timedelta(seconds=retry_in_seconds)
            await self._database.fetch(RETRY, entry_id, storable(error), delay)

    async def wait(self, *, timeout_seconds: float) -> None:
        await self._listener.wait(timeout_seconds)

    async def generation(self) -> int:
        return int(await self._database.fetchval(GENERATION))

    async def bump_generation(self) -> int:
        return int(await self._database.fetchval(BUMP_GENERATION))

    def watch_generation(self, callback: Callable[[], None]) -> None:
        """Call back soon after every bump, and whenever one may have been missed."""
        self._listener.watch_generation(callback)

    async def close(self) -> None:
        await self._listener.close()


class Listener:
    """One connection of its own that listens, and is made anew whenever it is lost.

    It begins with the first wait or watch. After every (re)connection it wakes everybody, since
    announcements may have passed unheard.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._announced = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._told = ""

    async def wait(self, timeout_seconds: float) -> None:
        self._begin()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._announced.wait()
        self._announced.clear()

    def watch_generation(self, callback: Callable[[], None]) -> None:
        self._watchers.append(callback)
        self._begin()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _begin(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._listen_for_ever())

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (HeadraceError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                # Whatever it is, a rotated password among it: readers ask by themselves meanwhile.
                self._tell(str(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    def _tell(self, error: str) -> None:
        """Log a cause once, however often it is met before the next connection."""
        if error != self._told:
            log.warning("listener_lost", error=error)
        self._told = error

    async def _listen(self) -> None:
        lost = asyncio.Event()
        connection = await connect(self._dsn)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(EVENTS_CHANNEL, self._on_event)
            await connection.add_listener(GENERATION_CHANNEL, self._on_generation)
            self._told = ""
            self._on_event()
            self._on_generation()
            await _until_lost(lost, connection)
        finally:
            connection.terminate()

    def _on_event(self, *_: Any) -> None:
        self._announced.set()

    def _on_generation(self, *_: Any) -> None:
        for watcher in self._watchers:
            watcher()


async def _until_lost(lost: asyncio.Event, connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Return when the connection ends; raise when it is silent, as over a cut line."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await lost.wait()
            return
        except TimeoutError:
            await connection.execute("SELECT 1", timeout=HEARTBEAT_SECONDS)
