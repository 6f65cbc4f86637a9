"""A pool of connections that fails in the system's own words and heals by itself."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
import numpy as np
import orjson
from asyncpg.pool import PoolConnectionProxy

from actors.adapters.postgres.connecting import (
    CONNECT_SECONDS,
    PREPARED_STATEMENTS,
    Address,
    connect,
    explained_connecting,
)
from actors.adapters.postgres.errors import DRIVER_ERRORS, translated_errors
from actors.adapters.postgres.fitness import inspect, require_fit, require_schema
from domain.errors import StoreUnavailableError

Row = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

ACQUIRE_SECONDS = 30.0
CLOSE_SECONDS = 10.0
IDLE_SECONDS = 60.0
"""A connection that was idle for so long is closed, before a firewall forgets it silently."""
RECONNECT_SECONDS = 0.25

RESTARTING = (
    ConnectionError,
    FileNotFoundError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
)
"""What connecting to a server meets that is just starting again."""


class Database:
    """One process's connections. A connection that was lost is replaced on its next use."""

    def __init__(
        self,
        dsn: str,
        pool: asyncpg.Pool[asyncpg.Record],
        *,
        connect_timeout_seconds: float,
        broken_off: set[int] | None = None,
    ) -> None:
        """``broken_off`` are the servers' processes whose connections the pool has to reset."""
        self.dsn = dsn
        self._pool = pool
        self._broken_off = set() if broken_off is None else broken_off
        self._connect_timeout_seconds = connect_timeout_seconds

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        pool_max_size: int,
        statement_timeout_seconds: float,
        connect_timeout_seconds: float = CONNECT_SECONDS,
        statement_cache_size: int = PREPARED_STATEMENTS,
    ) -> Database:
        """Connect; the schema must be there.

        Raises:
            StoreUnavailableError: no answer, or no server that can hold the store; with the fix.
        """
        vector_schema = await _vector_schema_of(dsn, connect_timeout_seconds, statement_cache_size)

        async def set_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            await _set_codecs(connection, vector_schema)

        broken_off: set[int] = set()

        async def reset(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            await _reset_broken_off(connection, broken_off)

        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=pool_max_size,
            timeout=connect_timeout_seconds,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            statement_cache_size=statement_cache_size,
            # The server's own limit comes first and leaves the connection usable.
            command_timeout=statement_timeout_seconds + 5,
            init=set_codecs,
            reset=reset,
            server_settings={
                "application_name": "headrace",
                "timezone": "UTC",
                "statement_timeout": f"{statement_timeout_seconds * 1000:.0f}",
            },
        )
        database = cls(
            dsn, pool, connect_timeout_seconds=connect_timeout_seconds, broken_off=broken_off
        )
        await database.fetch("SELECT 1")
        return database

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        with translated_errors():
            async with self._connection() as connection:
                return await connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> Row | None:
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *values: Any) -> Any:
        row = await self.fetchrow(sql, *values)
        return row[0] if row else None

    async def copy(self, table: str, columns: Sequence[str], rows: Sequence[Any]) -> None:
        """Append rows by COPY."""
        with translated_errors():
            async with self._connection() as connection:
                await connection.copy_records_to_table(table, columns=columns, records=rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction that commits on a clean exit and rolls back on any other."""
        with translated_errors():
            async with self.plain_transaction() as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A transaction that only reads, and sees one moment in all its statements."""
        with translated_errors():
            async with (
                self._connection() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    @asynccontextmanager
    async def plain_transaction(self) -> AsyncIterator[Connection]:
        """Like ``transaction`` with the driver's errors, where a caller's own may pass through."""
        raised: BaseException | None = None
        try:
            async with (
                self._connection() as connection,
                connection.transaction(),
            ):
                try:
                    yield connection
                except BaseException as error:
                    raised = error
                    raise
        except DRIVER_ERRORS:
            # On a lost connection nothing can be rolled back, which must not hide the caller's own.
            if raised is not None:
                raise raised  # noqa: B904 - it came first
            raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await self._acquire()
        process = connection.get_server_pid()
        try:
            yield connection
        except BaseException:
            self._broken_off.add(process)
            raise
        finally:
            await self._pool.release(connection)

    async def _acquire(self) -> Connection:
        """A connection, tried for twice: a server that was restarted refuses for a moment.

        Nothing has run on it yet. A statement that fails later is not repeated: it may have run.
        """
        with explained_connecting(self.dsn, timeout_seconds=self._connect_timeout_seconds):
            try:
                return await self._acquire_once()
            except RESTARTING:
                await asyncio.sleep(RECONNECT_SECONDS)
                return await self._acquire_once()

    async def _acquire_once(self) -> Connection:
        try:
            return await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except TimeoutError as error:
            raise StoreUnavailableError(self._no_connection()) from error

    def _no_connection(self) -> str:
        most = self._pool.get_max_size()
        if self._pool.get_size() >= most:
            return (
                f"all {most} connections to PostgreSQL were busy for {ACQUIRE_SECONDS:g} s: "
                "raise HEADRACE_POSTGRES__POOL_MAX_SIZE"
            )
        return (
            f"PostgreSQL at {Address.of(self.dsn)} gave no answer in "
            f"{self._connect_timeout_seconds:g} s"
        )

    async def close(self) -> None:
        """Let running statements end, but not for ever."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _reset_broken_off(
    connection: asyncpg.Connection[asyncpg.Record], broken_off: set[int]
) -> None:
    """Reset a connection whose last use ended in an error; any other needs no further call.

    No setting, lock or cursor of ours outlives its transaction, and the driver has rolled that
    back. But it prepares a statement in a message that ends no implicit transaction: the one
    which executes it does, and a use that breaks off in between never sends it.
    """
    process = connection.get_server_pid()
    if process in broken_off:
        broken_off.discard(process)
        await connection.execute(connection.get_reset_query())


async def _vector_schema_of(dsn: str, timeout_seconds: float, statement_cache_size: int) -> str:
    """Where pgvector's types are, in a server that was found fit."""
    connection = await connect(
        dsn, timeout_seconds=timeout_seconds, statement_cache_size=statement_cache_size
    )
    try:
        with translated_errors():
            server = await inspect(connection)
            await connection.close()
    finally:
        connection.terminate()
    require_fit(server, Address.of(dsn))
    return require_schema(server, Address.of(dsn))


async def set_json_codec(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """JSON columns take JSON text; JSONB gives values."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads, format="text"
    )


async def _set_codecs(connection: asyncpg.Connection[asyncpg.Record], vector_schema: str) -> None:
    """JSON columns take and give JSON text or values; vectors are float32 arrays."""
    await set_json_codec(connection)
    await connection.set_type_codec(
        "vector",
        schema=vector_schema,
        encoder=_pack_vector,
        decoder=_unpack_vector,
        format="binary",
    )


def _pack_vector(vector: Any) -> bytes:
    values = np.asarray(vector, dtype=">f4")
    return struct.pack(">HH", len(values), 0) + values.tobytes()


def _unpack_vector(packed: bytes) -> Any:
    return np.frombuffer(packed, dtype=">f4", offset=4).astype(np.float32)
