"""Entities as people see them, and what people decide about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from actors.adapters.postgres import entity_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.deciding import keep_joined, keep_split
from actors.adapters.postgres.identity_rows import evidence_of
from actors.adapters.postgres.linked_records import linked_records
from actors.adapters.postgres.linking_sql import LINKING_LOCK, WAIT_FOR_LOCK
from actors.adapters.postgres.related_rows import (
    KINDS,
    ROLES,
    principals_of,
    related_entity,
    timeline_entry,
)
from domain.correlating.normal import words
from domain.errors import NotFoundError
from domain.mentions.keys import possible_keys
from domain.models.entities import EntityKind
from domain.models.ids import EntityId, RecordId, chunk_ids
from domain.models.links import Outcome
from domain.models.related import (
    Entity,
    EntitySummary,
    LinkedRecord,
    NearEntity,
    RelatedEntity,
    TimelineEntry,
)
from domain.models.search import Scope, Within

MAX_FOUND = 200
"""Of so many that have the words and few others, those with most records are shown."""

MAX_NAMED_CHUNKS = 2_000
"""A search that has to compare more chunks' ids is slower than one that leaves out afterwards."""

EXCERPT_CHARS = 300


class PostgresEntities:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self, text: str | None, *, kinds: Collection[EntityKind], limit: int, scope: Scope
    ) -> Sequence[EntitySummary]:
        if text is None or not text.strip():
            rows = await self._database.fetch(sql.LISTED, list(kinds), limit)
            ids = [row["entity_id"] for row in rows]
            found = await self._summaries(ids, scope)
            return [found[id] for id in ids if id in found]
        by_key = await self._database.fetch(
            sql.BY_KEY, possible_keys(text), list(kinds or EntityKind)
        )
        exact = {row["entity_id"] for row in by_key}
        query = " & ".join(f"{word}:*" for word in words(text))
        by_words = (
            await self._database.fetch(sql.BY_WORDS, query, list(kinds), MAX_FOUND) if query else ()
        )
        ids = [*exact, *(row["entity_id"] for row in by_words if row["entity_id"] not in exact)]
        summaries = (await self._summaries(ids, scope)).values()
        return sorted(
            summaries,
            key=lambda one: (one.id not in exact, -one.records, one.name or "", one.id),
        )[:limit]

    async def get(self, entity_id: EntityId, *, scope: Scope) -> Entity:
        entity_id = await self._present(entity_id)
        summary = (await self._summaries([entity_id], scope)).get(entity_id)
        if summary is None:
            raise _no_entity(entity_id)
        identities = await self._database.fetch(sql.IDENTITIES, entity_id)
        links = await self._database.fetch(sql.LINKS, [identity["id"] for identity in identities])
        names = dict.fromkeys(name for identity in identities for name in identity["names"])
        facts: dict[str, str] = {}
        for identity in identities:
            facts = {**identity["facts"], **facts}
        return Entity(
            summary=summary,
            aliases=tuple(name for name in names if name != summary.name),
            facts=facts,
            near=_near(row for row in links if row["entity_id"] == entity_id),
            candidates=_near(row for row in links if row["entity_id"] != entity_id),
        )

    async def timeline(
        self, entity_id: EntityId, *, offset: int, limit: int, scope: Scope
    ) -> Sequence[TimelineEntry]:
        present = await self._present(entity_id)
        rows = await self._database.fetch(
            sql.TIMELINE, present, principals_of(scope), offset, limit, EXCERPT_CHARS
        )
        return [timeline_entry(row) for row in rows]

    async def of_records(
        self, record_ids: Sequence[RecordId], *, limit: int, scope: Scope
    ) -> Mapping[RecordId, Sequence[RelatedEntity]]:
        rows = await self._database.fetch(
            sql.OF_RECORDS, list(record_ids), principals_of(scope), ROLES, KINDS, limit
        )
        found: dict[RecordId, list[RelatedEntity]] = defaultdict(list)
        for row in rows:
            found[row["record_id"]].append(related_entity(row))
        return found

    async def linked(
        self, record_id: RecordId, *, limit: int, scope: Scope
    ) -> Sequence[LinkedRecord]:
        return await linked_records(self._database, record_id, limit=limit, scope=scope)

    async def within(self, entity_id: EntityId, *, model: str, scope: Scope) -> Within:
        present = await self._present(entity_id)
        rows = await self._database.fetch(sql.WITHIN_RECORDS, present, principals_of(scope))
        records = frozenset(row["id"] for row in rows)
        if len(records) > MAX_NAMED_CHUNKS:
            return Within(records, None)
        groups = await self._database.fetch(sql.WITHIN_GROUPS, list(records))
        owners = [*rows, *groups]
        if sum(row["chunk_count"] for row in owners) > MAX_NAMED_CHUNKS:
            return Within(records, None)
        chunks = (
            chunk for row in owners for chunk in chunk_ids(row["id"], row["chunk_count"], model)
        )
        return Within(records, frozenset(chunks))

    async def split(self, entity_id: EntityId, parts: Collection[str]) -> None:
        async with self._deciding() as connection:
            await keep_split(connection, await _present(connection, entity_id), parts)

    async def join(self, entity_id: EntityId, other_id: EntityId) -> None:
        async with self._deciding() as connection:
            one = await _present(connection, entity_id)
            await keep_joined(connection, one, await _present(connection, other_id))

    @asynccontextmanager
    async def _deciding(self) -> AsyncIterator[Connection]:
        """A transaction between two pages of linking: a page would not see what is decided in it,
        and forget that what it is about is to be linked again."""
        async with self._database.transaction() as connection:
            await connection.execute(WAIT_FOR_LOCK, LINKING_LOCK)
            yield connection

    async def _present(self, entity_id: EntityId) -> EntityId:
        """The id by which an entity is known now."""
        return await _present(self._database, entity_id)

    async def _summaries(
        self, ids: Sequence[EntityId], scope: Scope
    ) -> Mapping[EntityId, EntitySummary]:
        """Of those of which the asker may see a record."""
        rows = await self._database.fetch(sql.SUMMARIES, list(ids), principals_of(scope))
        return {
            row["id"]: EntitySummary(
                row["id"], EntityKind(row["kind"]), row["name"], tuple(row["keys"]), row["records"]
            )
            for row in rows
            if row["records"]
        }


async def _present(rows: Database | Connection, entity_id: EntityId) -> EntityId:
    row = await rows.fetchrow(sql.RESOLVE, entity_id)
    if row is None:
        raise _no_entity(entity_id)
    return EntityId(row["entity_id"])


def _no_entity(entity_id: EntityId) -> NotFoundError:
    return NotFoundError("no such entity", entity_id=str(entity_id))


def _near(links: Iterable[Row]) -> tuple[NearEntity, ...]:
    """Each once, by its likeliest link; what is one already by the id of its part."""
    found: dict[EntityId, NearEntity] = {}
    for row in links:
        shown_id = row["other_id"] if row["outcome"] == Outcome.LINKED else row["entity_id"]
        name = row["names"][0] if row["names"] else row["entity_name"]
        near = NearEntity(shown_id, name, row["score"], evidence_of(row))
        found.setdefault(shown_id, near)
    return tuple(found.values())
