"""What callers see when a connection to PostgreSQL is lost under them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import psutil
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


async def test_a_statement_that_meets_the_end_of_its_session_says_that_the_store_is_away(
    database: Database,
) -> None:
    async def write(*, turns: int) -> None:
        async with database.transaction() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await database.fetchval("SELECT pg_terminate_backend($1)", pid)
            with suppress(psutil.NoSuchProcess):
                psutil.Process(pid).wait(timeout=10)
            for _ in range(turns):
                await asyncio.sleep(0)
            await connection.fetch("SELECT 2")

    # The error depends on how much of the server's last words the driver has read by then.
    for turns in (1, 2, 3) * 4:
        with pytest.raises(StoreUnavailableError):
            await write(turns=turns)
