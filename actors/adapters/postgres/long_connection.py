"""Connections for moves: long statements, long pauses between them, no part in a service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from actors.adapters.postgres.connecting import CONNECT_SECONDS, connect
from actors.adapters.postgres.database import set_json_codec
from actors.adapters.postgres.errors import translated_errors
from domain.errors import ConflictError
from domain.models.ids import FileId

SESSION = """
SET application_name = 'headrace-move';
SET timezone = 'UTC';
SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0
"""

USERS = """-- users: connections of services to this database
SELECT count(*) AS count FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'headrace'
"""

LIVE_FILES = """-- live_files: of these files, those that are there and not about to go
SELECT id FROM file_imports WHERE id = ANY($1::uuid[]) AND processing_status <> 'deleting'
"""


@asynccontextmanager
async def long_connection(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection whose statements may take as long as they need.

    Raises:
        StoreUnavailableError: no answer.
    """
    connection = await connect(dsn)
    try:
        with translated_errors():
            await connection.execute(SESSION)
            await set_json_codec(connection)
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


async def refuse_services(dsn: str, name: str) -> None:
    """Raises ``ConflictError`` if a service is connected to the database."""
    async with long_connection(dsn) as connection:
        with translated_errors():
            [row] = await connection.fetch(USERS)
    if row["count"]:
        raise ConflictError(f"a service uses {name}: stop it with 'headrace down', then try again")


async def gone_files(dsn: str, file_ids: Sequence[FileId]) -> list[FileId]:
    """Of these files, those that are deleted by now, or being deleted."""
    async with long_connection(dsn) as connection:
        with translated_errors():
            live = {row["id"] for row in await connection.fetch(LIVE_FILES, list(file_ids))}
    return [one for one in file_ids if one not in live]
