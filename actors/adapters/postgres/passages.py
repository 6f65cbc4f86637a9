"""Groups of records that share passages: ``passage_groups`` and the tables beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from actors.adapters.postgres import passage_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.fence import share_index
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.staging import Decision
from domain.models.ids import FileId, GroupId, RecordId, derive_group_id
from domain.models.records import Record, StoredRecord
from domain.ports.passage_groups import ComposedGroup, IndexedGroup, StaleGroup

PAGE_GROUPS = 1000


class PostgresPassageGroups:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def stale(
        self, file_id: FileId, *, after: GroupId | None, limit: int
    ) -> Sequence[StaleGroup]:
        # The revisions first: members that are newer than these are noticed when writing.
        groups = await self._database.fetch(sql.PAGE_STALE, file_id, after, limit)
        return await with_members(self._database, groups)

    async def count_stale(self, file_id: FileId) -> int:
        return int(await self._database.fetchval(sql.COUNT_STALE, file_id))

    @asynccontextmanager
    async def writing(
        self, composed: Sequence[ComposedGroup], *, model: str
    ) -> AsyncIterator[Collection[GroupId]]:
        columns = [
            [group.group_id for group in composed],
            [group.revision for group in composed],
            [group.chunk_count for group in composed],
        ]
        # Committed before the index is touched, so that nothing is left there unknown.
        await self._database.fetch(sql.ANNOUNCE, *columns, model)
        async with AsyncExitStack() as stack:
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await share_index(connection, model)
                rows = await connection.fetch(sql.LOCK_UNCHANGED, *columns[:2])
            unchanged = {row["id"] for row in rows}
            yield unchanged
            with translated_errors():
                written = [group for group in composed if group.group_id in unchanged]
                await connection.execute(
                    sql.CONFIRM_GROUPS,
                    [group.group_id for group in written],
                    [group.chunk_count for group in written],
                    model,
                )
                # A group without members has no passages.
                if empty := [group.group_id for group in written if not group.chunk_count]:
                    await connection.execute(sql.FORGET_EMPTY, empty)
                await stack.aclose()

    async def expected(self) -> AsyncIterator[Sequence[IndexedGroup]]:
        after: GroupId | None = None
        while rows := await self._database.fetch(sql.PAGE_GROUPS, after, PAGE_GROUPS):
            after = rows[-1]["id"]
            yield [
                IndexedGroup(row["id"], row["chunk_count"], row["embedding_model"]) for row in rows
            ]


async def with_members(database: Database, groups: Sequence[Row]) -> list[StaleGroup]:
    """Groups with their members; rows have ``id``, ``revision`` and ``known_chunks``."""
    members: dict[GroupId, list[StoredRecord]] = {row["id"]: [] for row in groups}
    for row in await database.fetch(sql.GET_MEMBERS, list(members)):
        members[row["group_id"]].append(stored_record(row))
    return [
        StaleGroup(row["id"], row["revision"], row["known_chunks"], tuple(members[row["id"]]))
        for row in groups
    ]


async def keep_groups(
    connection: Connection, file_id: FileId, decisions: Sequence[Decision]
) -> None:
    """Keep which group each written record is in; groups that change are stale from now on.

    Called last in staging: whoever locks groups holds the locks of its records already.
    """
    written = {one.record_id: one.written.record for one in decisions if one.written}
    changed = {one.record_id for one in decisions if one.written and not one.is_new}
    left = await connection.fetch(sql.GET_GROUPS, list(changed)) if changed else []
    fresh = {group for one in decisions if (group := _group_to_compose(one))}
    touched = fresh | {row["group_id"] for row in left}
    settled = {group for one in decisions if (group := _group_of(_any_copy(one)))} - touched
    if touched:
        await connection.execute(sql.LOCK_GROUPS, sorted(touched | settled))
        await make_stale(connection, file_id, touched)
        await _keep_members(connection, written, changed)
    if settled:
        await connection.execute(sql.SHARE_STALE, file_id, sorted(settled))


async def make_stale(connection: Connection, file_id: FileId, group_ids: Iterable[GroupId]) -> None:
    """Let the file see to these groups; what is being composed of them is no longer valid."""
    ordered = sorted(group_ids)
    await connection.execute(sql.TOUCH_GROUPS, ordered)
    await connection.execute(sql.KEEP_STALE, file_id, ordered)


async def leave_groups(
    connection: Connection, file_id: FileId, record_ids: Sequence[RecordId]
) -> None:
    """The records are about to be removed."""
    rows = await connection.fetch(sql.GET_GROUPS, record_ids)
    if rows:
        await make_stale(connection, file_id, {row["group_id"] for row in rows})


async def _keep_members(
    connection: Connection, written: dict[RecordId, Record], changed: set[RecordId]
) -> None:
    groups = {record_id: _group_of(record) for record_id, record in written.items()}
    members = {record_id: group for record_id, group in groups.items() if group}
    ungrouped = [record_id for record_id in changed if record_id not in members]
    if ungrouped:
        await connection.execute(sql.DELETE_MEMBERS, ungrouped)
    await connection.execute(sql.KEEP_MEMBERS, list(members), list(members.values()))


def _group_to_compose(decision: Decision) -> GroupId | None:
    """The group of a record that the index does not hold yet."""
    wanted = (entry for entry in decision.staged.values() if entry.needs_embedding)
    entry = next(wanted, None)
    return _group_of(entry.record) if entry else None


def _any_copy(decision: Decision) -> Record:
    return next(iter(decision.staged.values())).record


def _group_of(record: Record) -> GroupId | None:
    return derive_group_id(record.source_type, record.group) if record.group else None
