"""Comparing all rows with other stores, and repairs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.adapters.postgres import reconcile_sql as sql
from actors.adapters.postgres.audit import FILES_WITH_STALE_NAMES
from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.fence import share_index
from actors.adapters.postgres.passages import with_members
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.record_sql import LOCK_CURRENT
from domain.models.ids import FileId, GroupId, ObjectKey, RecordId, derive_chunk_id
from domain.models.indexes import ChunkOwner, Orphan, OutdatedRecord
from domain.models.records import IndexedRecord
from domain.ports.passage_groups import StaleGroup

PAGE_OWNERS = 5_000
LONG_SECONDS = 3600.0


class PostgresReconciliation:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def owners(self) -> AsyncIterator[Sequence[ChunkOwner]]:
        for statement, is_group in ((sql.PAGE_OWNERS, False), (sql.PAGE_GROUP_OWNERS, True)):
            after: UUID | None = None
            while rows := await self._database.fetch(statement, after, PAGE_OWNERS):
                after = rows[-1]["id"]
                yield [_owner(row, is_group) for row in rows]

    async def unconfirmed_at_rest(self) -> Sequence[RecordId]:
        return await self._ids(sql.UNCONFIRMED_AT_REST)

    async def embedded_otherwise(self) -> Sequence[RecordId]:
        return await self._ids(sql.EMBEDDED_OTHERWISE)

    async def groups_embedded_otherwise(self) -> Sequence[GroupId]:
        return await self._ids(sql.GROUPS_EMBEDDED_OTHERWISE)

    async def records_of(self, record_ids: Sequence[RecordId]) -> Sequence[OutdatedRecord]:
        rows = await self._database.fetch(sql.RECORDS_OF, list(record_ids))
        return [
            OutdatedRecord(stored_record(row), row["fingerprint"], row["known_chunks"])
            for row in rows
        ]

    @asynccontextmanager
    async def mending(
        self, indexed: Sequence[IndexedRecord], *, model: str
    ) -> AsyncIterator[Collection[RecordId]]:
        async with AsyncExitStack() as stack:
            # What the caller raises in the block must leave as it is; only what the driver
            # raises is translated.
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await share_index(connection, model)
                rows = await connection.fetch(
                    LOCK_CURRENT,
                    [record.record_id for record in indexed],
                    [record.content_hash for record in indexed],
                )
            current = {row["id"] for row in rows}
            yield current
            held = [record for record in indexed if record.record_id in current]
            with translated_errors():
                await connection.execute(
                    sql.MENDED,
                    model,
                    [record.record_id for record in held],
                    [record.chunk_count for record in held],
                    [_vector_id(record, model) for record in held],
                )
                await stack.aclose()

    async def groups_of(self, group_ids: Sequence[GroupId]) -> Sequence[StaleGroup]:
        rows = await self._database.fetch(sql.GROUPS_OF, list(group_ids))
        return await with_members(self._database, rows)

    async def memberless_groups(self) -> Sequence[GroupId]:
        return await self._ids(sql.MEMBERLESS_GROUPS)

    async def files_with_stale_names(self) -> Sequence[FileId]:
        return await self._ids(FILES_WITH_STALE_NAMES)

    async def files_with_stale_groups(self) -> Sequence[FileId]:
        return await self._ids(sql.FILES_WITH_STALE_GROUPS)

    async def object_keys(self) -> Collection[ObjectKey]:
        return {ObjectKey(row[0]) for row in await self._database.fetch(sql.OBJECT_KEYS)}

    async def note_orphans(
        self, kind: str, keys: Collection[str], *, now: datetime
    ) -> Sequence[Orphan]:
        async with self._database.transaction() as connection:
            await connection.execute(sql.FORGET_ORPHANS, kind, list(keys))
            await connection.execute(sql.SEE_ORPHANS, kind, list(keys), now)
            rows = await connection.fetch(sql.GET_ORPHANS, kind)
        return [Orphan(row["id"], row["first_seen"]) for row in rows]

    async def _ids(self, statement: str) -> list[Any]:
        """The scan may take as long as it needs."""
        async with self._database.snapshot() as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            rows = await connection.fetch(statement, timeout=LONG_SECONDS)
        return [row[0] for row in rows]


def _owner(row: Row, is_group: bool) -> ChunkOwner:
    return ChunkOwner(
        owner_id=row["id"],
        is_group=is_group,
        certain=row["certain"],
        possible=row["possible"],
        model=row["embedding_model"],
    )


def _vector_id(record: IndexedRecord, model: str) -> str | None:
    return str(derive_chunk_id(record.record_id, 0, model)) if record.chunk_count else None
