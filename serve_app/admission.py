"""Bounded queues in front of the routes: what cannot be served soon is refused at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from actors.settings import HttpSettings
from domain.errors import OverloadedError
from serve_app.errors import response_of

API_PREFIX = "/v1/"
"""Health, metrics and documentation are answered however full the service is."""


class Lane:
    """Lets ``ongoing`` requests work and ``queued`` more wait for their turn."""

    def __init__(self, *, ongoing: int, queued: int) -> None:
        self._turns = asyncio.Semaphore(ongoing)
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
                f"{self._waiting} requests are waiting already; try again later",
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
    """Uploads may last for hours, so they wait for each other and not for queries."""

    uploads: Lane
    others: Lane


def open_lanes(settings: HttpSettings) -> Lanes:
    def lane() -> Lane:
        return Lane(ongoing=settings.max_ongoing_requests, queued=settings.max_queued_requests)

    return Lanes(uploads=lane(), others=lane())


class Admission:
    """ASGI middleware that sends each API request through its lane."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(API_PREFIX):
            await self._app(scope, receive, send)
            return
        lanes: Lanes = scope["app"].state.lanes
        lane = lanes.uploads if is_upload(scope) else lanes.others
        try:
            async with lane.turn():
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
