"""The rows of ``file_imports``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from actors.adapters.postgres import file_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.file_rows import (
    dead_letter,
    file_import,
    number_of,
    options_json,
    reports_of,
    totals_of,
)
from actors.adapters.postgres.leases import lease_lost
from actors.adapters.postgres.outbox import announce, write_event
from actors.adapters.postgres.text import json_text, storable
from domain.errors import ConflictError, InvalidUploadError, NotFoundError
from domain.file_states import FINAL_STATUSES, check_transition, statuses_before
from domain.models.events import Event, FileUploaded, to_payload
from domain.models.files import (
    Claim,
    DeadLetter,
    FileImport,
    FileReport,
    ImportTotals,
    NewFileImport,
    ProcessingStatus,
    StoredObject,
)
from domain.models.ids import FileId, ObjectKey

MAX_SOURCE_TYPE_CHARS = 50
LONG_SECONDS = 3600.0


class PostgresFileImports:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, upload: NewFileImport) -> FileImport:
        filename, source_type = storable(upload.filename), _source_type(upload.source_type)
        row = await self._database.fetchrow(
            sql.INSERT_FILE,
            upload.file_id,
            filename,
            source_type,
            upload.stored.size_bytes,
            storable(upload.mime_type),
            upload.stored.key,
            upload.stored.sha256,
            options_json(upload.options),
            number_of(upload.priority),
            *_columns_of(FileUploaded(upload.file_id, filename, source_type)),
        )
        return file_import(row) if row else await self.find(upload.file_id)

    async def get(self, file_id: FileId) -> FileReport:
        async with self._database.snapshot() as connection:
            row = await connection.fetchrow(sql.GET_FILE, file_id)
            if row is None:
                raise _not_found(file_id)
            return (await reports_of(connection, [row]))[0]

    async def find(self, file_id: FileId) -> FileImport:
        row = await self._database.fetchrow(sql.GET_FILE, file_id)
        if row is None:
            raise _not_found(file_id)
        return file_import(row)

    async def list(
        self,
        *,
        limit: int = 100,
        before: datetime | None = None,
        status: ProcessingStatus | None = None,
    ) -> Sequence[FileReport]:
        async with self._database.snapshot() as connection:
            rows = await connection.fetch(sql.LIST_FILES, limit, before, status)
            return await reports_of(connection, rows)

    async def describe(
        self, file_id: FileId, *, source_type: str, parser: str, metadata: Mapping[str, Any]
    ) -> None:
        row = await self._database.fetchrow(
            sql.DESCRIBE_FILE,
            file_id,
            _source_type(source_type),
            storable(parser),
            json_text(dict(metadata)),
        )
        if row is None:
            raise _not_found(file_id)

    async def transition(
        self,
        file_id: FileId,
        to: ProcessingStatus,
        *,
        claim: Claim | None = None,
        error: str | None = None,
        event: Event | None = None,
    ) -> FileImport:
        moved = await self._database.fetchrow(
            sql.MOVE_FILE_AT_ONCE,
            file_id,
            to,
            storable(error),
            to in FINAL_STATUSES,
            statuses_before(to),
            claim.attempt if claim else None,
            claim.run if claim else None,
            *_columns_of(event),
            # What is validated already is nobody's work.
            event is not None or to is not ProcessingStatus.VALIDATING,
        )
        if moved is not None:
            return file_import(moved)
        return await self._transition_step_by_step(file_id, to, claim, error, event)

    async def _transition_step_by_step(
        self,
        file_id: FileId,
        to: ProcessingStatus,
        claim: Claim | None,
        error: str | None,
        event: Event | None,
    ) -> FileImport:
        """For a file that is not as usual: to find out why not."""
        async with self._database.transaction() as connection:
            row = await _locked(connection, file_id)
            if claim and (row["attempt"], row["run"]) != (claim.attempt, claim.run):
                raise lease_lost(claim)
            current = ProcessingStatus(row["processing_status"])
            check_transition(current, to)
            if current is to:
                return file_import(row)
            is_final = to in FINAL_STATUSES
            moved = await connection.fetchrow(sql.MOVE_FILE, file_id, to, storable(error), is_final)
            assert moved is not None
            if event:
                await write_event(connection, event)
            else:
                await announce(connection)
            return file_import(moved)

    async def restart(self, file_id: FileId) -> FileImport:
        async with self._database.transaction() as connection:
            row = await _locked(connection, file_id)
            status = ProcessingStatus(row["processing_status"])
            if status not in FINAL_STATUSES:
                raise ConflictError(
                    f"a file that is {status} cannot be replayed", file_id=str(file_id)
                )
            await connection.execute(sql.DELETE_SLICES, file_id)
            await connection.execute(sql.DELETE_DEAD_LETTERS, file_id)
            await connection.execute(sql.DELETE_DEAD_EVENTS, file_id)
            restarted = await connection.fetchrow(sql.RESTART_FILE, file_id)
            assert restarted is not None
            await write_event(connection, _uploaded(restarted))
            return file_import(restarted)

    async def forget(self, file_id: FileId) -> None:
        async with self._database.transaction() as connection:
            row = await _locked(connection, file_id)
            await _check_forgettable(connection, row)
            await connection.execute(sql.WITHOUT_TIMEOUT)
            await connection.execute(sql.DELETE_FILE, file_id, timeout=LONG_SECONDS)

    async def earlier(self, file_id: FileId) -> Sequence[FileId]:
        return [row["id"] for row in await self._database.fetch(sql.EARLIER_FILES, file_id)]

    async def dead_letters(self, file_id: FileId, *, limit: int = 100) -> Sequence[DeadLetter]:
        rows = await self._database.fetch(sql.LIST_DEAD_LETTERS, file_id, limit)
        return [dead_letter(row) for row in rows]

    @asynccontextmanager
    async def reclaiming(self, key: ObjectKey, *, besides: FileId) -> AsyncIterator[bool]:
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOCK_OBJECT, key)
            yield not await connection.fetchval(sql.COUNT_REFERENCES, key, besides)

    @asynccontextmanager
    async def moving(self, file_id: FileId, to: StoredObject) -> AsyncIterator[None]:
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOCK_OBJECT, to.key)
            row = await _locked(connection, file_id)
            if row["processing_status"] == ProcessingStatus.DELETING:
                raise ConflictError("the file is being deleted", file_id=str(file_id))
            await connection.execute(sql.MOVE_OBJECT, file_id, to.key, to.sha256, to.size_bytes)
            yield

    async def totals(self) -> ImportTotals:
        async with self._database.snapshot() as connection:
            return await totals_of(connection)


async def _locked(connection: Connection, file_id: FileId) -> Row:
    row = await connection.fetchrow(sql.LOCK_FILE, file_id)
    if row is None:
        raise _not_found(file_id)
    return row


async def _check_forgettable(connection: Connection, row: Row) -> None:
    """Records that are left would vanish with the row, though other files may supply them."""
    if row["processing_status"] != ProcessingStatus.DELETING:
        raise ConflictError("only a file that is being deleted can be forgotten")
    if await connection.fetchval(sql.HAS_RECORDS, row["id"]):
        raise ConflictError("the file still has records: remove or hand them over first")


def _columns_of(event: Event | None) -> tuple[str | None, str | None]:
    """Name and payload for the outbox; of no event nothing."""
    return (event.name, json_text(to_payload(event))) if event else (None, None)


def _uploaded(row: Row) -> FileUploaded:
    return FileUploaded(row["id"], row["filename"], row["source_type"])


def _not_found(file_id: FileId) -> NotFoundError:
    return NotFoundError("no such file", file_id=str(file_id))


def _source_type(name: str) -> str:
    if len(name) > MAX_SOURCE_TYPE_CHARS:
        raise InvalidUploadError(
            f"the source's name has {len(name)} characters; "
            f"at most {MAX_SOURCE_TYPE_CHARS} are allowed"
        )
    return storable(name)
