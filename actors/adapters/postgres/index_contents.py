"""What indexes hold that are not in use: ``index_contents``."""

from __future__ import annotations

from collections.abc import Sequence

from actors.adapters.postgres import index_sql as sql
from actors.adapters.postgres.database import Database
from actors.adapters.postgres.indexes import LONG_SECONDS, WITHOUT_TIMEOUT
from actors.adapters.postgres.passages import with_members
from actors.adapters.postgres.record_rows import stored_record
from domain.models.ids import GroupId, RecordId, derive_chunk_id
from domain.models.indexes import Holding, OutdatedRecord
from domain.ports.passage_groups import StaleGroup


class PostgresIndexContents:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def outdated_records(
        self, model: str, *, after: RecordId | None, limit: int
    ) -> Sequence[OutdatedRecord]:
        rows = await self._database.fetch(sql.OUTDATED_RECORDS, model, after, limit)
        return [
            OutdatedRecord(stored_record(row), row["fingerprint"], row["known_chunks"])
            for row in rows
        ]

    async def outdated_groups(
        self, model: str, *, after: GroupId | None, limit: int
    ) -> Sequence[StaleGroup]:
        rows = await self._database.fetch(sql.OUTDATED_GROUPS, model, after, limit)
        return await with_members(self._database, rows)

    async def leftovers(self, model: str, *, limit: int) -> Sequence[Holding]:
        rows = await self._database.fetch(sql.LEFTOVERS, model, limit)
        return [Holding(row["owner_id"], "", row["chunk_count"]) for row in rows]

    async def announce(self, model: str, holdings: Sequence[Holding]) -> None:
        owners = [one.owner_id for one in holdings]
        counts = [one.chunk_count for one in holdings]
        await self._database.fetch(sql.ANNOUNCE, model, owners, counts)

    async def hold(self, model: str, holdings: Sequence[Holding]) -> None:
        await self._database.fetch(
            sql.HOLD,
            model,
            [one.owner_id for one in holdings],
            [one.fingerprint for one in holdings],
            [one.chunk_count for one in holdings],
            [
                str(derive_chunk_id(one.owner_id, 0, model)) if one.chunk_count else None
                for one in holdings
            ],
        )

    async def forget(self, model: str, owner_ids: Sequence[RecordId | GroupId]) -> None:
        await self._database.fetch(sql.FORGET_CONTENTS, model, list(owner_ids))

    async def forget_all(self, model: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(WITHOUT_TIMEOUT)
            await connection.execute(sql.FORGET_ALL_CONTENTS, model, timeout=LONG_SECONDS)
