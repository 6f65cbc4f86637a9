"""Bring a database's schema up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files

import asyncpg
import structlog

from actors.adapters.postgres.connecting import SETTING, Address, connect
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.fitness import inspect, require_fit
from domain.errors import ConflictError, StoreUnavailableError

log = structlog.get_logger(__name__)

MIGRATION_LOCK = 0x4865616472616365
"""Advisory lock, so that processes which start together migrate one after the other."""

CREATE_SCHEMA_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
)
"""


HAS_PROGRESS = """-- has_progress: whether a move into the database has begun and not ended
SELECT to_regclass('unfinished_move') IS NOT NULL AS is_there
"""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """Every migration, in order: ``0001_initial.sql`` is version 1."""
    found = []
    for file in files("actors.adapters.postgres.migrations").iterdir():
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.version)


async def migrate(
    dsn: str,
    *,
    setting: str = SETTING,
    up_to: int | None = None,
    is_unfinished: bool = False,
) -> None:
    """Apply the migrations that are missing, each in a transaction of its own.

    Safe to run from several processes at once, and again. ``setting`` is the one that the DSN
    comes from. ``up_to`` stops at a version; ``is_unfinished`` is for the move that fills the
    database alone.

    Raises:
        ConflictError: a move into the database has not ended.
        StoreUnavailableError: no answer, no server that can hold the store, or rights that lack,
            with the fix; what was applied stays applied.
    """
    address = Address.of(dsn)
    connection = await connect(dsn, setting=setting)
    try:
        with translated_errors(), _explained_rights(address):
            require_fit(await inspect(connection), address)
            await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
            if not is_unfinished:
                await _refuse_unfinished(connection)
            await _apply_missing(connection, up_to)
    finally:
        await connection.close()


@contextmanager
def _explained_rights(address: Address) -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        name, user = address.database, address.user
        raise StoreUnavailableError(
            f"the user {user!r} may not set up the database {name!r} at {address} ({error}): "
            f"ALTER DATABASE {name} OWNER TO {user}; where the extension is what is refused, "
            "let an administrator run CREATE EXTENSION vector there"
        ) from error


def newest_version() -> int:
    """The version that ``migrate`` leads to."""
    return migrations()[-1].version


async def _refuse_unfinished(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    [row] = await connection.fetch(HAS_PROGRESS)
    if row["is_there"]:
        raise ConflictError(
            "the database is half filled by a 'headrace migrate' or 'headrace restore' that has "
            "not ended: run it again to its end, then start the service"
        )


async def _apply_missing(connection: asyncpg.Connection[asyncpg.Record], up_to: int | None) -> None:
    await connection.execute(CREATE_SCHEMA_MIGRATIONS)
    rows = await connection.fetch("SELECT version FROM schema_migrations")
    applied = {row["version"] for row in rows}
    for migration in migrations():
        if migration.version in applied or (up_to is not None and migration.version > up_to):
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name) VALUES ($1, $2)",
                migration.version,
                migration.name,
            )
        log.info("schema_migrated", version=migration.version, name=migration.name)
