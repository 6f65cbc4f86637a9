"""What callers see when a connection to PostgreSQL is lost under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from actors.adapters.postgres.database import Connection, Database
from domain.errors import IndexUnavailableError, StoreUnavailableError


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(postgres_dsn, pool_max_size=2, statement_timeout_seconds=10)
    yield database
    await database.close()


async def lose(connection: Connection, database: Database) -> None:
    """End the connection's session, and wait until the driver has noticed."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    await database.fetchval("SELECT pg_terminate_backend($1)", pid)
    # A connection that was lost while it was idle is released by itself, and then refuses calls.
    with suppress(asyncpg.InterfaceError):
        while not connection.is_closed():  # noqa: ASYNC110 - the driver tells nobody
            await asyncio.sleep(0.001)


async def test_what_a_caller_raises_leaves_a_transaction_though_it_cannot_be_rolled_back(
    database: Database,
) -> None:
    async def write() -> None:
        async with database.plain_transaction() as connection:
            await lose(connection, database)
            raise IndexUnavailableError("the caller's own")

    with pytest.raises(IndexUnavailableError, match="the caller's own"):
        await write()


async def test_a_transaction_that_cannot_be_committed_says_that_the_store_is_away(
    database: Database,
) -> None:
    with pytest.raises(StoreUnavailableError):
        async with database.transaction() as connection:
            await lose(connection, database)
