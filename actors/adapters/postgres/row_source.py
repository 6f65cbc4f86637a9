"""Reads all rows of a database as they were at one moment."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import asyncpg
import orjson

from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.indexed_content import PostgresIndexedContent
from actors.adapters.postgres.long_connection import long_connection
from actors.adapters.postgres.migrate import newest_version
from actors.adapters.postgres.tables import (
    Key,
    keys_of,
    listed,
    quoted,
    sequences_of,
    tables_of,
)
from domain.errors import ConflictError
from domain.models.ids import FileId, ObjectKey
from domain.ports.moving import NamedObject, Origin, RowPage, Table

ROWS_PER_PAGE = 10_000
MAX_PAGE_BYTES_IN_MEMORY = 32 * 1024 * 1024

OBJECTS = """-- objects: what files stand on
SELECT s3_key, max(file_size) AS file_size, array_agg(id ORDER BY id) AS file_ids
FROM file_imports WHERE s3_key IS NOT NULL GROUP BY s3_key ORDER BY s3_key
"""

SCHEMA_VERSION = """-- schema_version: the newest migration
SELECT max(version) AS version FROM schema_migrations
"""


class PostgresRowSource:
    """Fulfils ``RowSource`` inside of one transaction, which sees one moment."""

    def __init__(
        self,
        connection: asyncpg.Connection[asyncpg.Record],
        keys: Mapping[str, Key],
        *,
        rows_per_page: int,
    ) -> None:
        self._connection = connection
        self.content = PostgresIndexedContent(connection)
        self._keys = keys
        self._rows_per_page = rows_per_page

    async def origin(self) -> Origin:
        with translated_errors():
            connection = self._connection
            tables = await tables_of(connection)
            sequences = await sequences_of(connection)
            marks = [await self._mark_of(table) for table in tables]
            [version] = await connection.fetch(SCHEMA_VERSION)
            objects = [
                NamedObject(
                    ObjectKey(row["s3_key"]),
                    row["file_size"],
                    tuple(FileId(one) for one in row["file_ids"]),
                )
                for row in await connection.fetch(OBJECTS)
            ]
        seen = orjson.dumps([marks, dict(sequences)], default=str)
        return Origin(sha256(seen).hexdigest(), version["version"], tables, sequences, objects)

    async def pages(self, table: Table, *, after: str | None) -> AsyncIterator[RowPage]:
        key = self._keys[table.name]
        while True:
            with translated_errors():
                last, rows = await self._border(table, key, after)
            if last is None:
                return
            with tempfile.SpooledTemporaryFile(MAX_PAGE_BYTES_IN_MEMORY) as content:
                with translated_errors():
                    await self._copy(table, key, after, last, content)
                content.seek(0)
                yield RowPage(table, last, rows, content)  # type: ignore[arg-type]  # a BinaryIO
            after = last

    async def _border(self, table: Table, key: Key, after: str | None) -> tuple[str | None, int]:
        """The key of the page's last row, as a list of texts in JSON, and the page's rows."""
        values: list[str] = orjson.loads(after) if after else []
        where = key.beyond(values, ">") if values else "TRUE"
        columns = listed(key.columns)
        texts = ", ".join(f"{quoted(column)}::text" for column in key.columns)
        rows = await self._connection.fetch(
            f"WITH page AS (SELECT {columns} FROM {quoted(table.name)} WHERE {where} "
            f"ORDER BY {columns} LIMIT {self._rows_per_page}) "
            f"SELECT ARRAY[{texts}] AS last, (SELECT count(*) FROM page) AS rows "
            f"FROM page ORDER BY {key.descending} LIMIT 1",
            *values,
        )
        return (orjson.dumps(rows[0]["last"]).decode(), rows[0]["rows"]) if rows else (None, 0)

    async def _copy(
        self, table: Table, key: Key, after: str | None, last: str, content: Any
    ) -> None:
        values: list[str] = orjson.loads(after) if after else []
        bounds: list[str] = orjson.loads(last)
        beyond = key.beyond(values, ">") if values else "TRUE"
        within = key.beyond(bounds, "<=", first=len(values) + 1)
        await self._connection.copy_from_query(
            f"SELECT {listed(table.columns)} FROM {quoted(table.name)} "
            f"WHERE {beyond} AND {within} ORDER BY {listed(key.columns)}",
            *values,
            *bounds,
            output=content,
            format="binary",
        )

    async def _mark_of(self, table: Table) -> tuple[str, int, str | None]:
        """What would differ had the table been written to."""
        newest = "max(updated_at)" if "updated_at" in table.columns else "NULL::timestamptz"
        [row] = await self._connection.fetch(
            f"SELECT count(*) AS rows, {newest}::text AS newest FROM {quoted(table.name)}"
        )
        return table.name, row["rows"], row["newest"]


@asynccontextmanager
async def reading(
    dsn: str, *, rows_per_page: int = ROWS_PER_PAGE
) -> AsyncIterator[PostgresRowSource]:
    """A source that sees the database as it is now, whatever others write meanwhile.

    Raises:
        ConflictError: its schema is that of another version.
    """
    async with long_connection(dsn) as connection:
        with translated_errors():
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
            await _check_schema(connection)
            keys = await keys_of(connection)
        yield PostgresRowSource(connection, keys, rows_per_page=rows_per_page)


async def _check_schema(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    try:
        version = await connection.fetchval(SCHEMA_VERSION)
    except asyncpg.UndefinedTableError:
        version = None
    if version != newest_version():
        raise ConflictError(
            "the stores were last used by another version of Headrace: start and stop the service "
            "once by this one ('headrace up', 'headrace down'), then try again"
        )
