"""A TCP proxy that can be a bad network: it drops connections, refuses them, and delays."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE_BYTES = 64 * 1024


class TcpProxy:
    """Listens on a free port of this machine and passes on to ``target``, from its own thread.

    ``target`` is a port of this machine or a Unix socket.
    """

    def __init__(self, target: int | Path) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self._pipes: set[asyncio.Task[None]] = set()
        self._is_cut = False
        self._delay_seconds = 0.0
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def drop(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._loop.call_soon_threadsafe(self._reset_all)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """No connection inside the block: those that are open are reset, new ones at once."""
        self._is_cut = True
        self.drop()
        try:
            yield
        finally:
            self._is_cut = False

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Whatever is sent inside the block arrives so much later, in either direction."""
        self._delay_seconds = seconds
        try:
            yield
        finally:
            self._delay_seconds = 0.0

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _end(self) -> None:
        self._server.close()
        self._reset_all()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _connected(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if self._is_cut:
            to_client.transport.abort()
            return
        try:
            from_server, to_server = await self._reach_target()
        except OSError:
            to_client.transport.abort()
            return
        self._open |= {to_client, to_server}
        for reader, writer in ((from_client, to_server), (from_server, to_client)):
            task = asyncio.create_task(self._pass_on(reader, writer))
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _reach_target(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until one side ends; then the other side's connection ends, too."""
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()
        self._open.discard(writer)
