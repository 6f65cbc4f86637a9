"""Confirmed contents, of which an index can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.tables import Fetches
from domain.models.ids import GroupId, RecordId
from domain.models.records import StoredRecord
from domain.ports.indexed_content import StoredGroup

PAGE_RECORDS = """-- page_indexed_records: records whose chunks the index holds
SELECT * FROM parsed_content
WHERE indexed_hash = content_hash AND chunk_count > 0 AND embedding_model IS NOT NULL
  AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2
"""

PAGE_GROUPS = """-- page_indexed_groups: groups whose passages the index holds
SELECT id, chunk_count, embedding_model FROM passage_groups AS g
WHERE chunk_count > 0 AND embedding_model IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
  AND ($1::uuid IS NULL OR id > $1)
ORDER BY id
LIMIT $2
"""

GET_MEMBERS = """-- get_indexed_members: all records of groups
SELECT member.group_id, record.*
FROM passage_members AS member JOIN parsed_content AS record ON record.id = member.record_id
WHERE member.group_id = ANY($1::uuid[])
"""

MODELS = """-- models: what the contents were embedded by
SELECT DISTINCT embedding_model FROM parsed_content
WHERE indexed_hash = content_hash AND chunk_count > 0 AND embedding_model IS NOT NULL
UNION
SELECT DISTINCT embedding_model FROM passage_groups
WHERE chunk_count > 0 AND embedding_model IS NOT NULL
"""

FORGET_RECORDS = """-- forget_unconfirmed_records: the index holds no chunks of these
UPDATE parsed_content SET chunk_count = 0, unconfirmed_chunks = 0, vector_id = NULL
WHERE indexed_hash IS DISTINCT FROM content_hash AND (chunk_count > 0 OR unconfirmed_chunks > 0)
"""

FORGET_GROUPS = """-- forget_stale_groups: the index holds no passages of these
UPDATE passage_groups AS g SET chunk_count = 0, unconfirmed_chunks = 0
WHERE EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
"""

RECOUNT_RECORDS = """-- recount_records: how many chunks the index holds of each
UPDATE parsed_content AS record SET chunk_count = held.chunk_count
FROM unnest($1::uuid[], $2::int[]) AS held(id, chunk_count) WHERE record.id = held.id
"""

RECOUNT_GROUPS = """-- recount_groups: how many passages the index holds of each
UPDATE passage_groups AS g SET chunk_count = held.chunk_count
FROM unnest($1::uuid[], $2::int[]) AS held(id, chunk_count) WHERE g.id = held.id
"""


class PostgresIndexedContent:
    """Fulfils ``IndexedContent`` on a pool, or on a connection within a snapshot."""

    def __init__(self, database: Fetches) -> None:
        self._database = database

    async def records(self, *, after: RecordId | None, limit: int) -> Sequence[StoredRecord]:
        return [stored_record(row) for row in await self._fetch(PAGE_RECORDS, after, limit)]

    async def groups(self, *, after: GroupId | None, limit: int) -> Sequence[StoredGroup]:
        groups = await self._fetch(PAGE_GROUPS, after, limit)
        members: dict[GroupId, list[StoredRecord]] = {row["id"]: [] for row in groups}
        for row in await self._fetch(GET_MEMBERS, list(members)):
            members[row["group_id"]].append(stored_record(row))
        return [
            StoredGroup(row["id"], members[row["id"]], row["chunk_count"], row["embedding_model"])
            for row in groups
        ]

    async def models(self) -> frozenset[str]:
        return frozenset(row["embedding_model"] for row in await self._fetch(MODELS))

    async def forget_unconfirmed(self) -> None:
        await self._fetch(FORGET_RECORDS)
        await self._fetch(FORGET_GROUPS)

    async def recount(self, records: Mapping[RecordId, int], groups: Mapping[GroupId, int]) -> None:
        if records:
            await self._fetch(RECOUNT_RECORDS, list(records), list(records.values()))
        if groups:
            await self._fetch(RECOUNT_GROUPS, list(groups), list(groups.values()))

    async def _fetch(self, sql: str, *values: object) -> list[Any]:
        with translated_errors():
            return await self._database.fetch(sql, *values)
