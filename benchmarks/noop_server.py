"""``python -m benchmarks.noop_server BYTES``: answers every request with as many bytes.

It prints its port and ends with its standard input. What a client costs by itself is measured
against it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Noop(asyncio.Protocol):
    """Takes every run of bytes that comes in for one request: its client sends small ones."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(self._answer)


@contextmanager
def noop_server(body_bytes: int) -> Iterator[int]:
    """One in a process of its own; yields its port."""
    command = [sys.executable, "-m", "benchmarks.noop_server", str(body_bytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


async def serve(body_bytes: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {body_bytes}\r\n\r\n".encode()
    answer = head + b"x" * body_bytes
    server = await asyncio.get_running_loop().create_server(lambda: Noop(answer), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
