"""TLS before a PostgreSQL server whose build has none, as a pooler or a load balancer gives it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.certificates import Certificate

SSL_REQUEST_BYTES = 8


@asynccontextmanager
async def tls_front(socket_path: Path, certificate: Certificate | None) -> AsyncIterator[int]:
    """The port of a front; without a certificate it refuses TLS, as a server without it does."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())  # type: ignore[arg-type]  # it runs in a task
        with suppress(OSError, asyncio.IncompleteReadError):
            await _serve(reader, writer, socket_path, certificate)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    socket_path: Path,
    certificate: Certificate | None,
) -> None:
    await reader.readexactly(SSL_REQUEST_BYTES)
    if certificate is None:
        writer.write(b"N")
        await writer.drain()
        return
    writer.write(b"S")
    await writer.drain()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    await writer.start_tls(context)
    server_reader, server_writer = await asyncio.open_unix_connection(socket_path)
    try:
        await asyncio.gather(_pass_on(reader, server_writer), _pass_on(server_reader, writer))
    finally:
        server_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(65_536):
        writer.write(part)
        await writer.drain()
    writer.close()
