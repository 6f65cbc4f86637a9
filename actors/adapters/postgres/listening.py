"""The announcements that wake readers: LISTEN, with a connection that is made anew when lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from actors.adapters.postgres.connecting import connect
from actors.adapters.postgres.errors import DRIVER_ERRORS
from actors.adapters.postgres.outbox import EVENTS_CHANNEL, GENERATION_CHANNEL
from domain.errors import HeadraceError

log = structlog.get_logger(__name__)

RECONNECT_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
"""How long a listener believes in a silent connection, and then how long it waits for an answer."""

Callback = Callable[[], None]


class Listener:
    """One connection of its own that listens, and is made anew whenever it is lost.

    It begins with the first wait or watch. After every (re)connection it wakes everybody, since
    announcements may have passed unheard.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._announced = asyncio.Event()
        self._event_watchers: list[Callback] = []
        self._generation_watchers: list[Callback] = []
        self._task: asyncio.Task[None] | None = None
        self._told = ""

    async def wait(self, timeout_seconds: float) -> None:
        self._begin()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._announced.wait()
        self._announced.clear()

    def watch_events(self, callback: Callback) -> Callback:
        """Call back after every announcement of work; returns what ends it."""
        self._event_watchers.append(callback)
        self._begin()
        return lambda: self._event_watchers.remove(callback)

    def watch_generation(self, callback: Callback) -> None:
        self._generation_watchers.append(callback)
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
            except (HeadraceError, *DRIVER_ERRORS) as error:
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
        for watcher in self._event_watchers:
            watcher()

    def _on_generation(self, *_: Any) -> None:
        for watcher in self._generation_watchers:
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
