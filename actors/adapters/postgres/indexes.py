"""The rows of ``search_indexes``, and switching from one to another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import orjson

from actors.adapters.postgres import index_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.events import BUMP_GENERATION
from actors.adapters.postgres.outbox import announce
from actors.adapters.postgres.text import json_text, storable
from domain.errors import ConflictError
from domain.models.indexes import IndexPlace, IndexReport, IndexState

LONG_SECONDS = 3600.0

WITHOUT_TIMEOUT = """-- without_timeout: looking at all records takes as long as it takes
SET LOCAL statement_timeout = 0
"""

SWITCH_STEPS = (
    sql.TAKE_RECORDS,
    sql.TAKE_GROUPS,
    sql.FORGET_ALL_CONTENTS,
)


class PostgresSearchIndexes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> IndexPlace | None:
        return await self._in_state(IndexState.ACTIVE)

    async def building(self) -> IndexPlace | None:
        return await self._in_state(IndexState.BUILDING)

    async def _in_state(self, state: IndexState) -> IndexPlace | None:
        row = await self._database.fetchrow(sql.GET_BY_STATE, state)
        return _place(row) if row else None

    async def list(self) -> Sequence[IndexReport]:
        return [_report(row) for row in await self._database.fetch(sql.LIST_INDEXES)]

    async def register(self, place: IndexPlace) -> IndexPlace:
        while True:
            if active := await self.active():
                return active
            await self._database.fetch(sql.REGISTER, *_columns(place))

    async def request(self, place: IndexPlace) -> IndexPlace:
        async with self._database.transaction() as connection:
            await _check_requestable(connection, place)
            row = await connection.fetchrow(sql.REQUEST, *_columns(place))
            assert row is not None
            await announce(connection)
            return _place(row)

    async def cancel(self) -> IndexPlace | None:
        row = await self._database.fetchrow(sql.CANCEL)
        return _place(row) if row else None

    async def note_error(self, model: str, error: str | None) -> None:
        await self._database.fetch(sql.NOTE_ERROR, model, storable(error))

    async def forget(self, model: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(WITHOUT_TIMEOUT)
            forgotten = await connection.fetchval(sql.FORGET_INDEX, model, timeout=LONG_SECONDS)
            if forgotten is None:
                raise ConflictError("only a retired index can be forgotten", model=model)

    @asynccontextmanager
    async def building_alone(self, model: str) -> AsyncIterator[bool]:
        async with AsyncExitStack() as stack:
            # What the caller raises in the block must leave as it is; only what the driver
            # raises is translated.
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                is_alone = await connection.fetchval(sql.BUILD_ALONE, model)
            yield bool(is_alone)

    @asynccontextmanager
    async def switching(self, model: str) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            with translated_errors():
                connection = await self._held(stack)
                await _check_building(connection, model)
            yield
            with translated_errors():
                await _check_building(connection, model)
                if await connection.fetchval(sql.IS_INCOMPLETE, model, timeout=LONG_SECONDS):
                    raise ConflictError("the index does not hold everything yet", model=model)
                await _switch(connection, model)
                await stack.aclose()

    @asynccontextmanager
    async def holding_still(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            with translated_errors():
                await self._held(stack)
            yield
            with translated_errors():
                await stack.aclose()

    async def _held(self, stack: AsyncExitStack) -> Connection:
        """A transaction that waits for all writers and then has the index alone."""
        connection = await stack.enter_async_context(self._database.plain_transaction())
        await connection.execute(WITHOUT_TIMEOUT)
        await connection.execute(sql.HOLD_INDEX, timeout=LONG_SECONDS)
        return connection


async def _check_requestable(connection: Connection, place: IndexPlace) -> None:
    row = await connection.fetchrow(sql.GET_INDEX, place.model)
    if row is not None and row["dimension"] != place.dimension:
        raise ConflictError(
            f"an index of {place.model} holds vectors of length {row['dimension']}, and the model "
            f"makes {place.dimension} now: drop that index with 'headrace reindex --drop-old', "
            "or give the model another name",
            model=place.model,
        )
    if row is not None and row["state"] == IndexState.ACTIVE:
        raise ConflictError(f"the index of {place.model} is in use already", model=place.model)
    other = await connection.fetchrow(sql.GET_BY_STATE, IndexState.BUILDING)
    if other is not None and other["model"] != place.model:
        raise ConflictError(
            f"the index of {other['model']} is being built: wait until it is in use, "
            "or stop it with 'headrace reindex --cancel'",
            model=other["model"],
        )


async def _check_building(connection: Connection, model: str) -> None:
    row = await connection.fetchrow(sql.GET_INDEX, model)
    if row is None or row["state"] != IndexState.BUILDING:
        raise ConflictError("the index is not being built any more", model=model)


async def _switch(connection: Connection, model: str) -> None:
    """Keep what the old index holds, let records and groups say what the new one does."""
    old = await connection.fetchval(sql.ACTIVE_MODEL)
    if old is not None:
        for keep in (sql.KEEP_RECORDS, sql.KEEP_GROUPS):
            await connection.execute(keep, old, timeout=LONG_SECONDS)
    for step in SWITCH_STEPS:
        await connection.execute(step, model, timeout=LONG_SECONDS)
    await connection.execute(sql.RETIRE)
    await connection.execute(sql.ACTIVATE, model)
    await connection.execute(BUMP_GENERATION)


def _columns(place: IndexPlace) -> tuple[str, int, str, str]:
    return place.model, place.dimension, place.location, json_text(dict(place.recipe))


def _place(row: Row) -> IndexPlace:
    return IndexPlace(row["model"], row["dimension"], row["location"], orjson.loads(row["recipe"]))


def _report(row: Row) -> IndexReport:
    return IndexReport(
        place=_place(row),
        state=IndexState(row["state"]),
        held=row["held"],
        total=row["total"],
        error=row["error"],
        created_at=row["created_at"],
        activated_at=row["activated_at"],
        retired_at=row["retired_at"],
    )
