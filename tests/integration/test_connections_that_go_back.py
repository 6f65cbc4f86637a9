"""What a connection to PostgreSQL is like when its next user gets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from actors.adapters.postgres.database import Database
from domain.errors import HeadraceError

SECONDS = 10.0


@pytest.fixture
async def database(postgres_dsn: str) -> AsyncIterator[Database]:
    """With one connection, so that its next user gets the same one."""
    database = await Database.open(postgres_dsn, pool_max_size=1, statement_timeout_seconds=10)
    yield database
    await database.close()


async def read_a_moment(database: Database) -> object:
    async with database.snapshot() as connection:
        return await connection.fetchval("SELECT 7")


async def test_a_statement_that_was_prepared_and_never_sent_leaves_no_transaction_open(
    database: Database,
) -> None:
    with pytest.raises((HeadraceError, asyncpg.DataError)):
        await database.fetch("SELECT $1::int", "no number")

    assert await read_a_moment(database) == 7


async def test_a_call_that_is_cancelled_after_any_of_its_steps_leaves_no_transaction_open(
    database: Database,
) -> None:
    for steps in range(40):
        # Another text each time, so that it has to be prepared.
        call = asyncio.create_task(database.fetch(f"SELECT {steps}, $1::int", steps))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call], timeout=SECONDS)

        assert await read_a_moment(database) == 7


async def test_a_connection_that_was_used_well_goes_back_without_a_further_call(
    database: Database, postgres_dsn: str
) -> None:
    pid = await database.fetchval("SELECT pg_backend_pid() AS the_last")
    onlooker = await asyncpg.connect(postgres_dsn)
    try:
        last = await onlooker.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
    finally:
        await onlooker.close()

    assert last == "SELECT pg_backend_pid() AS the_last"
