"""A database that is being filled from elsewhere, and how far that is.

The progress lies in the database itself, in the table ``unfinished_move``, in the same
transactions as the rows. As long as the table is there no service starts on the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg

from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.indexed_content import PostgresIndexedContent
from actors.adapters.postgres.long_connection import long_connection
from actors.adapters.postgres.migrate import HAS_PROGRESS, migrate
from actors.adapters.postgres.tables import listed, quoted, tables_of
from domain.errors import ConflictError
from domain.models.ids import FileId
from domain.ports.moving import INDEX_PART, TO_BE_EMPTIED, Origin, RowPage

ORIGIN = "origin"
"""The entry whose cursor says what is being moved."""

CREATE_PROGRESS = """
CREATE TABLE unfinished_move (part TEXT PRIMARY KEY, cursor TEXT NOT NULL)
"""

DROP_PROGRESS = "DROP TABLE IF EXISTS unfinished_move"

GET_PROGRESS = """-- get_progress: how far each part is
SELECT part, cursor FROM unfinished_move
"""

KEEP_PROGRESS = """-- keep_progress: how far a part is
INSERT INTO unfinished_move (part, cursor) VALUES ($1, $2)
ON CONFLICT (part) DO UPDATE SET cursor = excluded.cursor
"""

STATE = """-- state: whether anything was imported here, and the newest migration
SELECT EXISTS (SELECT 1 FROM file_imports) OR EXISTS (SELECT 1 FROM parsed_content)
    OR EXISTS (SELECT 1 FROM modules) AS is_used,
    (SELECT max(version) FROM schema_migrations) AS version
"""

SET_SEQUENCE = """-- set_sequence: go on after the last value
SELECT setval($1::text::regclass, $2)
"""

DELETE_FILES = """-- delete_files: ask for the deletion of files
UPDATE file_imports SET processing_status = 'deleting', lease_owner = NULL, acquired_until = NULL
WHERE id = ANY($1::uuid[])
"""

FORGET_OTHER_INDEXES = """-- forget_other_indexes: they stay behind
DELETE FROM search_indexes WHERE state <> 'active'
"""


class MovedDatabase:
    """The target of a move. Fulfils ``RowSink``."""

    def __init__(self, dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._dsn = dsn
        self._connection = connection
        self.content = PostgresIndexedContent(connection)

    async def is_unfinished(self) -> bool:
        """Whether a move into this database has begun and not ended."""
        with translated_errors():
            [row] = await self._connection.fetch(HAS_PROGRESS)
        return bool(row["is_there"])

    async def begin(self, origin: Origin, *, start_over: bool = False) -> None:
        """Be ready to take the origin's rows, or to go on with it.

        ``start_over`` forgets all that an unfinished move has brought.

        Raises:
            ConflictError: the database holds something else.
        """
        if not await self.is_unfinished():
            await self._check_empty(origin)
            await self._clear({ORIGIN: origin.origin_id})
            return
        progress = await self.progress()
        if start_over:
            index = {INDEX_PART: TO_BE_EMPTIED} if INDEX_PART in progress else {}
            await self._clear({ORIGIN: origin.origin_id, **index})
        elif progress.get(ORIGIN) != origin.origin_id:
            raise ConflictError(
                "the target holds an unfinished move of something else, or its source has changed "
                "since: begin anew with --start-over, which empties the target first"
            )

    async def progress(self) -> Mapping[str, str]:
        """The cursor of every part that has one."""
        with translated_errors():
            rows = await self._connection.fetch(GET_PROGRESS)
        return {row["part"]: row["cursor"] for row in rows}

    async def keep(self, part: str, cursor: str) -> None:
        """Note how far a part is."""
        with translated_errors():
            await self._connection.execute(KEEP_PROGRESS, part, cursor)

    async def append(self, page: RowPage) -> None:
        """Take the rows, and note it, in one transaction."""
        with translated_errors():
            async with self._connection.transaction():
                await self._connection.copy_to_table(
                    page.table.name,
                    columns=page.table.columns,
                    source=page.content,
                    format="binary",
                )
                await self._connection.execute(KEEP_PROGRESS, page.table.name, page.cursor)

    async def settle(self, sequences: Mapping[str, int], deleted: Sequence[FileId]) -> None:
        """All rows are here: make them a store of the newest schema.

        Sequences go on where they were, ``deleted`` files go on to go, and the rows say what the
        index holds of them, which is what can be made of them.
        """
        with translated_errors():
            for name, value in sequences.items():
                await self._connection.execute(SET_SEQUENCE, quoted(name), value)
            await self._connection.execute(DELETE_FILES, list(deleted))
        await migrate(self._dsn, is_unfinished=True)
        await self.content.forget_unconfirmed()
        with translated_errors():
            # Only the active index comes along.
            await self._connection.execute(FORGET_OTHER_INDEXES)
            await self._connection.execute("ANALYZE")

    async def finish(self) -> None:
        """Everything is here: let services start."""
        with translated_errors():
            await self._connection.execute(DROP_PROGRESS)

    async def _check_empty(self, origin: Origin) -> None:
        await migrate(self._dsn, up_to=origin.schema_version)
        with translated_errors():
            [row] = await self._connection.fetch(STATE)
        if row["is_used"]:
            raise ConflictError("the target's database holds files already: name an empty one")
        if row["version"] != origin.schema_version:
            raise ConflictError(
                "the target's database has another schema than the source: name one that no "
                "service has used yet"
            )

    async def _clear(self, progress: Mapping[str, str]) -> None:
        """Empty the tables, of what migrations have put there, too; the source has it all."""
        with translated_errors():
            async with self._connection.transaction():
                names = listed([table.name for table in await tables_of(self._connection)])
                await self._connection.execute(f"TRUNCATE {names}")
                await self._connection.execute(DROP_PROGRESS)
                await self._connection.execute(CREATE_PROGRESS)
                await self._connection.executemany(KEEP_PROGRESS, list(progress.items()))


@asynccontextmanager
async def filling(dsn: str) -> AsyncIterator[MovedDatabase]:
    """The database as the target of a move."""
    async with long_connection(dsn) as connection:
        yield MovedDatabase(dsn, connection)
