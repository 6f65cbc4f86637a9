"""Whether a server can hold the metadata store, and what is to be done where it cannot."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from actors.adapters.postgres.connecting import SETTING, Address
from domain.errors import StoreUnavailableError

MIN_VERSION = 150_000
"""As ``server_version_num`` counts: 15.0."""

INSPECT = """-- inspect: what the server is, and whether it has pgvector
SELECT current_setting('server_version_num')::int AS version,
       current_setting('server_version') AS version_text,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS is_standby,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS offers_vector,
       (SELECT namespace.nspname::text FROM pg_extension AS extension
        JOIN pg_namespace AS namespace ON namespace.oid = extension.extnamespace
        WHERE extension.extname = 'vector') AS vector_schema
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A database as it says of itself."""

    version: int
    version_text: str
    encoding: str
    is_standby: bool
    offers_vector: bool
    vector_schema: str | None


async def inspect(connection: asyncpg.Connection[asyncpg.Record]) -> Server:
    row = await connection.fetchrow(INSPECT)
    assert row is not None
    return Server(**row)


def require_fit(server: Server, address: Address) -> None:
    """Raises ``StoreUnavailableError`` with the fix, if this server cannot hold the store."""
    fix = _fix_of(server, address)
    if fix is not None:
        raise StoreUnavailableError(fix)


def require_schema(server: Server, address: Address) -> str:
    """The schema of pgvector's types; raises ``StoreUnavailableError`` if none is installed."""
    if server.vector_schema is None:
        raise StoreUnavailableError(
            f"the database {address.database!r} at {address} is not set up yet: "
            "'headrace up' does it"
        )
    return server.vector_schema


def _fix_of(server: Server, address: Address) -> str | None:
    if server.version < MIN_VERSION:
        return (
            f"PostgreSQL at {address} is version {server.version_text}, 15 or newer is needed: "
            f"upgrade it, or name another in {SETTING}"
        )
    if server.encoding != "UTF8":
        return (
            f"the database {address.database!r} at {address} has the encoding {server.encoding}, "
            "which cannot hold every text: create one by CREATE DATABASE … ENCODING 'UTF8' "
            "TEMPLATE template0"
        )
    if server.is_standby:
        return (
            f"PostgreSQL at {address} is a standby that only reads: name the primary in {SETTING}, "
            "or both with target_session_attrs=read-write"
        )
    if server.vector_schema is None and not server.offers_vector:
        major = server.version // 10_000
        return (
            f"PostgreSQL at {address} has no pgvector: install it on the server (Debian's package "
            f"is postgresql-{major}-pgvector), then start again"
        )
    return None
