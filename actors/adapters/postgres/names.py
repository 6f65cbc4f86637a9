"""Which stored records show a name that is another by now, and showing them anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID

from actors.adapters.postgres import name_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.errors import translated_errors
from actors.adapters.postgres.fence import share_index
from actors.adapters.postgres.linking_sql import ENQUEUE_RECORDS
from actors.adapters.postgres.naming import shown_as
from actors.adapters.postgres.record_rows import more_text, template_of
from actors.adapters.postgres.text import array_literal, json_text
from domain.errors import StoreUnavailableError
from domain.models.ids import FileId, RecordId, derive_chunk_id
from domain.models.records import Rendering

KEYS_PER_PAGE = 1_000
REFERENCES_PER_PAGE = 2_000
RECORDS_PER_PAGE = 50
MAX_ROUNDS = 100
"""How often names may change under a page of records before it is left for later."""

NOBODY = UUID(int=0)


class PostgresNames:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def stale(self, file_id: FileId) -> AsyncIterator[Sequence[RecordId]]:
        if not await self._database.fetchval(sql.CONCERNS_NAMES, file_id):
            return
        await self._database.fetch(sql.ADOPT, file_id)
        async for page in self._stale_by_key(file_id):
            yield page
        async for page in self._stale_of_file(file_id):
            yield page
        for _ in range(MAX_ROUNDS):
            rows = await self._database.fetch(sql.RENAMINGS, file_id, RECORDS_PER_PAGE)
            if not rows:
                return
            yield [row["record_id"] for row in rows]
        raise StoreUnavailableError("the names that records show keep changing")

    async def render(self, file_id: FileId, record_ids: Sequence[RecordId]) -> list[Rendering]:
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.LOCK_SHOWN, list(record_ids))
            stale = await _Names.of(connection, record_ids)
            ours = [row for row in rows if _is_ours(row)]
            renderings = [_rendering(row, stale) for row in ours if stale.need(row["id"])]
            await connection.execute(
                sql.MARK,
                file_id,
                [rendering.record.record_id for rendering in renderings],
                # 16 characters are fewer than any chunk moves on by.
                [len(rendering.record.content) // 16 + 1 for rendering in renderings],
            )
            await _unmark(connection, set(record_ids) - {row["id"] for row in ours})
            return renderings

    @asynccontextmanager
    async def showing(
        self, renderings: Sequence[Rendering], chunk_counts: Sequence[int], *, model: str
    ) -> AsyncIterator[frozenset[RecordId]]:
        rendered = dict(zip((r.record.record_id for r in renderings), renderings, strict=True))
        async with AsyncExitStack() as stack:
            # What the caller raises in the block must leave as it is; only what the driver
            # raises is translated.
            with translated_errors():
                transaction = self._database.plain_transaction()
                connection = await stack.enter_async_context(transaction)
                await share_index(connection, model)
                rows = await connection.fetch(sql.LOCK_SHOWN, list(rendered))
                names = await _Names.of(connection, list(rendered))
                current = frozenset(
                    row["id"] for row in rows if _is_current(row, names, rendered[row["id"]])
                )
            yield current
            with translated_errors():
                counts = dict(zip(rendered, chunk_counts, strict=True))
                await _show(connection, {one: rendered[one] for one in current}, counts, model)
                left = {row["id"] for row in rows if _is_ours(row)} - current
                await _unmark(connection, set(rendered) - left)
                await stack.aclose()

    async def _stale_by_key(self, file_id: FileId) -> AsyncIterator[Sequence[RecordId]]:
        """Those of the keys that the file has changed; these are forgotten page by page."""
        while changes := await self._database.fetch(sql.CHANGED_KEYS, file_id, KEYS_PER_PAGE):
            keys = sorted({row["key"] for row in changes})
            after: tuple[str, UUID] = ("", NOBODY)
            while rows := await self._database.fetch(
                sql.PAGE_BY_KEY, keys, *after, REFERENCES_PER_PAGE
            ):
                after = (rows[-1]["key"], rows[-1]["record_id"])
                for page in _pages(rows):
                    yield page
            await self._database.fetch(sql.FORGET_CHANGES, [row["id"] for row in changes])

    async def _stale_of_file(self, file_id: FileId) -> AsyncIterator[Sequence[RecordId]]:
        """The file's own: a name may have come while they were in the file's hands."""
        after = NOBODY
        while rows := await self._database.fetch(
            sql.PAGE_BY_FILE, file_id, after, REFERENCES_PER_PAGE
        ):
            after = rows[-1]["record_id"]
            for page in _pages(rows):
                yield page


class _Names:
    """What records show for their keys and what they should, and which are marked."""

    def __init__(self, rows: Sequence[Row], marked: Sequence[Row]) -> None:
        self.present: dict[RecordId, dict[str, str | None]] = defaultdict(dict)
        self._stale: set[RecordId] = {row["record_id"] for row in marked}
        self.marked = frozenset(self._stale)
        for row in rows:
            self.present[row["record_id"]][row["key"]] = row["name"]
            if row["name"] != row["shown"]:
                self._stale.add(row["record_id"])

    @classmethod
    async def of(cls, connection: Connection, record_ids: Sequence[RecordId]) -> _Names:
        rows = await connection.fetch(sql.GET_PRESENT_NAMES, list(record_ids))
        return cls(rows, await connection.fetch(sql.MARKED, list(record_ids)))

    def need(self, record_id: RecordId) -> bool:
        return record_id in self._stale


def _pages(rows: Sequence[Row]) -> Sequence[Sequence[RecordId]]:
    stale = list(dict.fromkeys(row["record_id"] for row in rows if row["is_stale"]))
    return [stale[at : at + RECORDS_PER_PAGE] for at in range(0, len(stale), RECORDS_PER_PAGE)]


def _is_ours(row: Row) -> bool:
    """Whether no import has the record in hand, and it shows names at all."""
    return row["template"] is not None and row["indexed_hash"] == row["content_hash"]


def _is_current(row: Row, names: _Names, rendering: Rendering) -> bool:
    """Whether the record is still what was rendered, with the names that were."""
    return (
        _is_ours(row)
        and row["id"] in names.marked
        and row["content_hash"] == rendering.replaces
        and row["file_import_id"] == rendering.file_id
        and names.present[row["id"]] == rendering.names
    )


def _rendering(row: Row, names: _Names) -> Rendering:
    template = template_of(row)
    shown = shown_as(row["id"], template, row["source_hash"], names.present[row["id"]])
    return Rendering(
        record=shown.record,
        file_id=row["file_import_id"],
        replaces=row["content_hash"],
        names=names.present[row["id"]],
        previous_chunk_count=row["known_chunks"],
    )


async def _show(
    connection: Connection,
    current: Mapping[RecordId, Rendering],
    chunk_counts: Mapping[RecordId, int],
    model: str,
) -> None:
    if not current:
        return
    records = [rendering.record for rendering in current.values()]
    await connection.execute(
        sql.SHOW,
        list(current),
        [record.title for record in records],
        [record.author for record in records],
        [record.content for record in records],
        [json_text(dict(record.metadata)) for record in records],
        [more_text(record) for record in records],
        [record.content_hash() for record in records],
        [chunk_counts[record_id] for record_id in current],
        model,
        [
            str(derive_chunk_id(record_id, 0, model)) if chunk_counts[record_id] else None
            for record_id in current
        ],
        [record.url for record in records],
        [record.timestamp for record in records],
        [array_literal(record.visibility) for record in records],
    )
    await connection.execute(ENQUEUE_RECORDS, list(current))
    rows = [
        (key, record_id, name)
        for record_id, rendering in current.items()
        for key, name in rendering.names.items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    await connection.execute(sql.KEEP_REFERENCES, list(current), *columns)


async def _unmark(connection: Connection, record_ids: set[RecordId]) -> None:
    if record_ids:
        await connection.execute(sql.UNMARK, list(record_ids))
