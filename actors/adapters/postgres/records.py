"""The rows of ``parsed_content``, and which file supplied which record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from actors.adapters.postgres import record_sql as sql
from actors.adapters.postgres.arriving import note_arriving
from actors.adapters.postgres.audit import contradictions
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.fence import share_index
from actors.adapters.postgres.leases import hold_lease
from actors.adapters.postgres.linking_sql import ENQUEUE_MENTIONED, ENQUEUE_RECORDS
from actors.adapters.postgres.name_sql import WITHDRAW_NAMES
from actors.adapters.postgres.passage_sql import TOUCH_GROUPS_OF
from actors.adapters.postgres.passages import keep_groups, leave_groups
from actors.adapters.postgres.record_rows import Shown, record_columns, stored_record
from actors.adapters.postgres.showing import as_shown, keep_names, show_batch
from actors.adapters.postgres.staging import (
    Copy,
    Decision,
    Importer,
    Judge,
    Stored,
    Supply,
    group,
)
from actors.adapters.postgres.text import storable_record
from domain.errors import NotFoundError, StoreUnavailableError
from domain.ledger import Outcome
from domain.models.files import Claim
from domain.models.ids import FileId, RecordId, derive_chunk_id, derive_record_id
from domain.models.records import IndexedRecord, Record, StagedRecord, StoredRecord

PAGE_RECORDS = 1000
MAX_ROUNDS = 10
"""How often staging lets others win the race to insert a record before it gives up."""


Origin = tuple[FileId, str, str]
"""Which file brings a record, read by which parser, for which model."""


class PostgresRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def stage(
        self,
        claim: Claim,
        slice_number: int,
        records: Sequence[Record],
        *,
        parser: str,
        model: str,
    ) -> Sequence[StagedRecord]:
        waiting = group(_copies(records))
        staged: dict[int, StagedRecord] = {}
        decided: list[Decision] = []
        async with self._database.transaction() as connection:
            await hold_lease(connection, claim)
            await share_index(connection, model)
            for _ in range(MAX_ROUNDS):
                if not waiting:
                    await keep_groups(connection, claim.file_id, decided)
                    return [staged[position] for position in range(len(records))]
                decisions = await _decide(connection, claim, waiting, model)
                shown = await show_batch(connection, decisions)
                origin = (claim.file_id, parser, model)
                lost = await _write(connection, origin, decisions, shown)
                decisions = [one for one in decisions if one.record_id not in lost]
                await _keep_supplies(connection, claim, slice_number, decisions)
                await keep_names(connection, claim, decisions, shown)
                await note_arriving(connection, decisions)
                for decision in decisions:
                    staged.update(as_shown(decision.staged, shown.get(decision.record_id)))
                decided += decisions
                waiting = {record_id: waiting[record_id] for record_id in sorted(lost)}
        raise StoreUnavailableError("other imports keep changing the same records")

    @asynccontextmanager
    async def confirming(
        self, claim: Claim, indexed: Sequence[IndexedRecord], *, model: str
    ) -> AsyncIterator[Collection[RecordId]]:
        async with AsyncExitStack() as stack:
            # What the caller raises in the block must leave as it is; only what the driver
            # raises is translated.
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await hold_lease(connection, claim)
                await share_index(connection, model)
                rows = await connection.fetch(
                    sql.LOCK_CURRENT,
                    [record.record_id for record in indexed],
                    [record.content_hash for record in indexed],
                )
            current = {row["id"] for row in rows}
            yield current
            held = [record for record in indexed if record.record_id in current]
            with translated_errors():
                await hold_lease(connection, claim)
                await connection.execute(
                    sql.CONFIRM,
                    claim.file_id,
                    model,
                    [record.record_id for record in held],
                    [record.chunk_count for record in held],
                    [_vector_id(record, model) for record in held],
                )
                await stack.aclose()

    async def get(self, record_id: RecordId) -> StoredRecord:
        row = await self._database.fetchrow(sql.GET_RECORD, record_id)
        if row is None:
            raise NotFoundError("no such record", record_id=str(record_id))
        return stored_record(row)

    async def versions_of(self, parser: str) -> Mapping[FileId, frozenset[str]]:
        rows = await self._database.fetch(sql.VERSIONS_OF, parser)
        return {FileId(row["file_import_id"]): frozenset(row["versions"]) for row in rows}

    async def thread(self, record_id: RecordId, *, limit: int = 100) -> Sequence[StoredRecord]:
        record = (await self.get(record_id)).record
        source_type, thread = record.source_type, record.thread or record.native_id
        root_id = derive_record_id(source_type, thread)
        rows = await self._database.fetch(sql.GET_THREAD, source_type, thread, root_id, limit)
        return [stored_record(row) for row in rows]

    @asynccontextmanager
    async def removing(self, file_id: FileId, *, limit: int) -> AsyncIterator[list[StoredRecord]]:
        async with AsyncExitStack() as stack:
            # What the caller raises in the block must leave as it is; only what the driver
            # raises is translated.
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await share_index(connection)
                records = await _lock_removable(connection, file_id, limit)
            yield records
            with translated_errors():
                record_ids = [record.record_id for record in records]
                await connection.execute(WITHDRAW_NAMES, file_id, record_ids)
                await leave_groups(connection, file_id, record_ids)
                await connection.execute(ENQUEUE_MENTIONED, record_ids)
                await connection.execute(sql.DELETE_RECORDS, record_ids)
                await stack.aclose()

    @asynccontextmanager
    async def handing_over(
        self, file_id: FileId, *, limit: int
    ) -> AsyncIterator[Mapping[FileId, Sequence[RecordId]]]:
        async with AsyncExitStack() as stack:
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await share_index(connection)
                locked = await connection.fetch(sql.LOCK_SHARED, file_id, limit)
                record_ids = [row["id"] for row in locked]
                rows = await connection.fetch(sql.HAND_OVER, file_id, record_ids)
                await connection.execute(TOUCH_GROUPS_OF, record_ids)
            handed: dict[FileId, list[RecordId]] = defaultdict(list)
            for row in rows:
                handed[row["file_import_id"]].append(row["id"])
            yield dict(handed)
            with translated_errors():
                await stack.aclose()

    async def expected(self) -> AsyncIterator[Sequence[StoredRecord]]:
        after: RecordId | None = None
        while True:
            rows = await self._database.fetch(sql.PAGE_RECORDS, after, PAGE_RECORDS)
            if not rows:
                return
            after = rows[-1]["id"]
            yield [stored_record(row) for row in rows]

    async def count(self) -> int:
        return int(await self._database.fetchval(sql.COUNT_RECORDS))

    async def vector_count(self, file_id: FileId) -> int:
        return int(await self._database.fetchval(sql.VECTOR_COUNT, file_id))

    async def audit(self) -> Sequence[str]:
        async with self._database.snapshot() as connection:
            return await contradictions(connection)


def _copies(records: Iterable[Record]) -> Iterable[Copy]:
    for position, record in enumerate(records):
        kept = storable_record(record)
        yield Copy(position, kept.record_id, kept, kept.content_hash())


def _vector_id(record: IndexedRecord, model: str) -> str | None:
    return str(derive_chunk_id(record.record_id, 0, model)) if record.chunk_count else None


async def _decide(
    connection: Connection,
    claim: Claim,
    waiting: Mapping[RecordId, Sequence[Copy]],
    model: str,
) -> list[Decision]:
    """Lock what is stored, then see what the run has decided: nobody else can decide now."""
    record_ids = list(waiting)
    stored = await connection.fetch(sql.LOCK_RECORDS, record_ids)
    supplied = await connection.fetch(sql.GET_SUPPLIES, claim.file_id, record_ids, claim.run)
    judge = Judge(
        Importer(claim.file_id, model),
        {row["id"]: _stored(row) for row in stored},
        {
            row["record_id"]: Supply(row["place"], Outcome(row["outcome"]), row["supplies"])
            for row in supplied
        },
    )
    return [judge.decide(copies) for copies in waiting.values()]


def _stored(row: Row) -> Stored:
    return Stored(
        file_id=row["file_import_id"],
        version=row["version"],
        content_hash=row["content_hash"],
        source_hash=row["source_hash"] or row["content_hash"],
        indexed_hash=row["indexed_hash"],
        embedding_model=row["embedding_model"],
        known_chunks=row["known_chunks"],
        possible_chunks=row["possible_chunks"],
        has_references=row["has_references"],
        has_more=row["has_more"],
    )


async def _write(
    connection: Connection,
    origin: Origin,
    decisions: Sequence[Decision],
    shown: Mapping[RecordId, Shown],
) -> set[RecordId]:
    """Write what was decided; returns the new records that somebody else inserted first."""
    fresh = [one.written for one in decisions if one.written and one.is_new]
    inserted: set[RecordId] = set()
    if fresh:
        rows = await connection.fetch(sql.INSERT_RECORDS, *_columns(fresh, shown), *origin)
        inserted = {row["id"] for row in rows}
    changed = [
        (one.written, one.left_chunks) for one in decisions if one.written and not one.is_new
    ]
    if changed:
        columns = _columns([copy for copy, _ in changed], shown)
        left_chunks = [left for _, left in changed]
        await connection.execute(sql.UPDATE_RECORDS, *columns, *origin, left_chunks)
    newer = [(one.record_id, one.newer_version) for one in decisions if one.newer_version]
    if newer:
        await connection.execute(sql.RAISE_VERSIONS, *map(list, zip(*newer, strict=True)))
    read_again = (Outcome.UNCHANGED, Outcome.DELETED)
    same = [
        one.record_id
        for one in decisions
        if one.supply.outcome in read_again and one.written is None
    ]
    if same:
        _, parser, _ = origin
        await connection.execute(sql.NAME_READERS, same, parser)
    written = [*inserted, *(copy.record_id for copy, _ in changed)]
    if written:
        await connection.execute(ENQUEUE_RECORDS, written)
    return {copy.record_id for copy in fresh} - inserted


def _columns(copies: Sequence[Copy], shown: Mapping[RecordId, Shown]) -> list[list[object]]:
    return record_columns([shown.get(copy.record_id, copy) for copy in copies])


async def _keep_supplies(
    connection: Connection, claim: Claim, slice_number: int, decisions: Sequence[Decision]
) -> None:
    await connection.execute(
        sql.KEEP_SUPPLIES,
        claim.file_id,
        claim.run,
        slice_number,
        [decision.record_id for decision in decisions],
        [decision.supply.place for decision in decisions],
        [decision.supply.outcome for decision in decisions],
        [decision.supply.supplies for decision in decisions],
    )


async def _lock_removable(
    connection: Connection, file_id: FileId, limit: int
) -> list[StoredRecord]:
    """Empty only if none are left: candidates that others began to supply are passed over."""
    while True:
        locked = await connection.fetch(sql.LOCK_REMOVABLE, file_id, limit)
        record_ids = [row["id"] for row in locked]
        rows = await connection.fetch(sql.GET_REMOVABLE, file_id, record_ids)
        if rows or not locked:
            return [stored_record(row, chunk_count="possible_chunks") for row in rows]
