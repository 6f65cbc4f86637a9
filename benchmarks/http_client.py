"""A small HTTP/1.1 client for load: connections that stay open, one request at a time on each.

It shares the processor with the service that it measures, so it does what the benchmarks need and
no more: requests are bytes made beforehand, and answers have to have a ``Content-Length``.
"""

from __future__ import annotations

import asyncio
import json
import re
from types import TracebackType
from typing import Any

TIMEOUT_SECONDS = 30.0
OPENED_AT_ONCE = 50
"""Fewer than a listening socket keeps waiting, so that no connection has to be tried again."""
NO_ANSWER = 0
"""The status where no answer came."""

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)


class Answer:
    """``status`` is ``NO_ANSWER`` where none came; then ``body`` says why."""

    __slots__ = ("body", "retry_after_seconds", "status")

    def __init__(self, status: int, body: bytes, retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.body = body
        self.retry_after_seconds = retry_after_seconds

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request_bytes(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def query_bytes(text: str) -> bytes:
    return request_bytes("POST", "/v1/query", json.dumps({"query": text}).encode())


def parse_answer(received: bytes | bytearray) -> Answer | None:
    """The answer that the bytes are; ``None`` while some of it is missing.

    Raises:
        ValueError: it does not say how long it is.
    """
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    head = bytes(received[:end])
    length = _LENGTH.search(head)
    if length is None:
        raise ValueError(f"an answer without Content-Length: {head[:200]!r}")
    start = end + len(_HEAD_END)
    body = bytes(received[start : start + int(length[1])])
    if len(body) < int(length[1]):
        return None
    wait = _RETRY_AFTER.search(head)
    return Answer(int(head[9:12]), body, float(wait[1]) if wait else None)


class Connection(asyncio.Protocol):
    """A connection that waits for the answer to one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._awaited: asyncio.Future[Answer] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        """Send it; the answer says if the connection breaks, and is never an exception."""
        assert self._transport is not None
        self._received.clear()
        self._awaited = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._awaited

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            answer = parse_answer(self._received)
        except ValueError as error:
            self._end(Answer(NO_ANSWER, str(error).encode()))
            self.close()
            return
        if answer is not None:
            self._end(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Answer(NO_ANSWER, b"connection closed"))

    def _end(self, answer: Answer) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(answer)


class Pool:
    """Open connections to a port of this machine; who asks gets the one idle for longest.

    So all of them are in use. ``reopened`` counts those that the other side had closed.
    """

    def __init__(self, port: int, size: int) -> None:
        self._port = port
        self._size = size
        self._idle: asyncio.Queue[Connection] = asyncio.Queue()
        self.reopened = 0

    async def __aenter__(self) -> Pool:
        left = self._size
        while left:
            batch = min(left, OPENED_AT_ONCE)
            for one in await asyncio.gather(*(self._open() for _ in range(batch))):
                self._idle.put_nowait(one)
            left -= batch
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    async def ask(self, request: bytes) -> Answer:
        """Send a request as soon as a connection is free. Raises nothing: see ``Answer``."""
        connection = await self._idle.get()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if not connection.is_open:
                    connection = await self._open()
                    self.reopened += 1
                return await connection.send(request)
        except TimeoutError:
            connection.close()
            return Answer(NO_ANSWER, f"no answer in {TIMEOUT_SECONDS:g} s".encode())
        except OSError as error:
            return Answer(NO_ANSWER, str(error).encode())
        finally:
            self._idle.put_nowait(connection)

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return connection
