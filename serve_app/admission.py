"""Bounded queues in front of the routes: what cannot be served soon is refused at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from actors.settings import Settings
from domain.errors import OverloadedError
from serve_app.errors import response_of

EVENT_STREAM = "/v1/events/stream"
API_PREFIX = "/v1/"
"""Health, metrics and documentation are answered however full the service is."""


class Lane:
    """Lets ``ongoing`` requests work and ``queued`` more wait for their turn."""

    def __init__(self, *, ongoing: int, queued: int) -> None:
        self._turns = asyncio.Semaphore(ongoing)
        self._ongoing = ongoing
        self._queued = queued
        self._waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it.

        Raises:
            OverloadedError: too many wait already.
        """
        if self._turns.locked() and self._waiting >= self._queued:
            raise OverloadedError(
                f"{self._ongoing} requests of this kind are worked on and {self._waiting} wait "
                "already; try again later",
                retry_after_seconds=1.0,
            )
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()


@dataclass(frozen=True, slots=True)
class Lanes:
    """Uploads and streams last long, so they wait for their like and not for queries."""

    uploads: Lane
    streams: Lane
    others: Lane

    def of(self, scope: Scope) -> Lane:
        if is_upload(scope):
            return self.uploads
        return self.streams if scope["path"] == EVENT_STREAM else self.others


def open_lanes(settings: Settings) -> Lanes:
    http = settings.http

    def lane() -> Lane:
        return Lane(ongoing=http.max_ongoing_requests, queued=http.max_queued_requests)

    streams = Lane(ongoing=settings.events.max_streams, queued=0)
    return Lanes(uploads=lane(), streams=streams, others=lane())


class Admission:
    """ASGI middleware that sends each API request through its lane."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            await self._app(scope, receive, send)
            return
        lanes: Lanes = scope["app"].state.lanes
        try:
            async with lanes.of(scope).turn():
                await self._app(scope, receive, send)
        except OverloadedError as error:
            await response_of(error)(scope, receive, send)


def is_upload(scope: Scope) -> bool:
    """Whether the request brings a file."""
    path: str = scope["path"]
    method: str = scope["method"]
    return (method == "PUT" and path.startswith("/v1/files/")) or (
        method == "POST" and path in {"/v1/files", "/v1/modules"}
    )
