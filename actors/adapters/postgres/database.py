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

from actors.adapters.postgres.errors import translated_errors

Row = asyncpg.Record
Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"

ACQUIRE_SECONDS = 30.0
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 10.0


class Database:
    """One process's connections. A connection that was lost is replaced on its next use."""

    def __init__(self, dsn: str, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self.dsn = dsn
        self._pool = pool

    @classmethod
    async def open(
        cls, dsn: str, *, pool_max_size: int, statement_timeout_seconds: float
    ) -> Database:
        """Connect; the schema must be there."""
        with translated_errors():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=pool_max_size,
                timeout=CONNECT_SECONDS,
                # The server's own limit comes first and leaves the connection usable.
                command_timeout=statement_timeout_seconds + 5,
                init=_set_codecs,
                server_settings={
                    "application_name": "headrace",
                    "timezone": "UTC",
                    "statement_timeout": f"{statement_timeout_seconds * 1000:.0f}",
                },
            )
        database = cls(dsn, pool)
        await database.fetch("SELECT 1")
        return database

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        with translated_errors():
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
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
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
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
                self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection

    @asynccontextmanager
    async def plain_transaction(self) -> AsyncIterator[Connection]:
        """Like ``transaction`` with the driver's errors, where a caller's own may pass through."""
        async with (
            self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
            connection.transaction(),
        ):
            yield connection

    async def close(self) -> None:
        """Let running statements end, but not for ever."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def _set_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """JSON columns take and give JSON text or values; vectors are float32 arrays."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads, format="text"
    )
    await connection.set_type_codec(
        "vector", schema="public", encoder=_pack_vector, decoder=_unpack_vector, format="binary"
    )


def _pack_vector(vector: Any) -> bytes:
    values = np.asarray(vector, dtype=">f4")
    return struct.pack(">HH", len(values), 0) + values.tobytes()


def _unpack_vector(packed: bytes) -> Any:
    return np.frombuffer(packed, dtype=">f4", offset=4).astype(np.float32)
