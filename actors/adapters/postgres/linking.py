"""Exact linking: what records speak of, and the identities that shared keys make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from actors.adapters.postgres import linking_sql as sql
from actors.adapters.postgres import matching_sql
from actors.adapters.postgres.audit import contradictions
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.entity_audit import ENTITY_CHECKS
from actors.adapters.postgres.identity_rows import (
    DESCRIPTION_TOKEN,
    description_columns,
    description_of,
    identity_columns,
    identity_of,
    judgement_of,
    says_the_same,
)
from actors.adapters.postgres.known_names import known_names, recount_names
from actors.adapters.postgres.matching import ALL, BLOCK, TOKEN, PostgresMatchingPage
from actors.adapters.postgres.record_rows import stored_record
from actors.adapters.postgres.text import storable
from domain.mentions.names import KnownNames
from domain.models.entities import EntityKind, Mention
from domain.models.ids import DescriptionId, EntityId, RecordId, derive_entity_id
from domain.models.linking import Identity, Judgement, Queued, StoredDescription
from domain.models.records import StoredRecord
from domain.near_linking import (
    MATCHED_KINDS,
    MAX_BLOCK_IDENTITIES,
    blocks_of,
    counted_tokens,
    rounded,
)


class PostgresLinking:
    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def linking(self, *, limit: int) -> AsyncIterator[PostgresLinkingPage | None]:
        async with self._database.transaction() as connection:
            is_alone = await _alone(connection)
            queued = await connection.fetch(sql.PAGE_QUEUE, limit) if is_alone else []
            if not queued:
                yield None
                return
            page = await _linking_page(connection, [Queued(**row) for row in queued])
            yield page
            await connection.execute(sql.FORGET_QUEUE, [one.id for one in page.queued])
            await connection.execute(
                sql.FORGET_ERRORS,
                [one.record_id for one in page.queued if one.record_id],
                [one.description_id for one in page.queued if one.description_id],
            )

    async def set_aside(self, queued: Queued, error: str) -> None:
        await self._database.fetch(sql.SET_ASIDE, queued.id, storable(error))

    async def take_up_again(self) -> int:
        return len(await self._database.fetch(sql.TAKE_UP_AGAIN))

    @asynccontextmanager
    async def matching(self, *, limit: int) -> AsyncIterator[PostgresMatchingPage | None]:
        async with self._database.transaction() as connection:
            is_alone = await _alone(connection)
            rows = await connection.fetch(matching_sql.PAGE_QUEUE, limit) if is_alone else []
            if not rows:
                yield None
                return
            yield PostgresMatchingPage(connection, [identity_of(row) for row in rows])
            await connection.execute(matching_sql.FORGET_QUEUE, [row["id"] for row in rows])

    async def contradictions(self) -> Sequence[str]:
        async with self._database.snapshot() as connection:
            return await contradictions(connection, ENTITY_CHECKS)

    async def start_over(self) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(sql.WAIT_FOR_LOCK, sql.LINKING_LOCK)
            for statement in sql.FORGET_ALL:
                await connection.execute(statement)
            await connection.execute(sql.ENQUEUE_ALL)

    async def waiting(self) -> int:
        return int(await self._database.fetchval(sql.WAITING))


async def _alone(connection: Connection) -> bool:
    [row] = await connection.fetch(sql.LOCK, sql.LINKING_LOCK)
    return bool(row["is_mine"])


async def _linking_page(connection: Connection, queued: Sequence[Queued]) -> PostgresLinkingPage:
    record_ids = list(dict.fromkeys(one.record_id for one in queued if one.record_id))
    records = await connection.fetch(sql.GET_RECORDS, record_ids)
    return PostgresLinkingPage(connection, queued, [stored_record(row) for row in records])


class PostgresLinkingPage:
    """Lives in the transaction that opened it."""

    def __init__(
        self,
        connection: Connection,
        queued: Sequence[Queued],
        records: Sequence[StoredRecord],
    ) -> None:
        self.queued = queued
        self.records = records
        self._connection = connection
        self._record_ids = list({one.record_id for one in queued if one.record_id})
        self._touched = {one.description_id for one in queued if one.description_id}
        self._fresh: set[DescriptionId] = set()
        self._old_identities: set[EntityId] = set()

    async def known_names(self, candidates: Collection[str]) -> KnownNames:
        return await known_names(self._connection, candidates)

    async def keep_mentions(self, mentions: Mapping[RecordId, Sequence[Mention]]) -> None:
        rows = await self._connection.fetch(sql.DELETE_MENTIONS, self._record_ids)
        self._touched |= {row["description_id"] for row in rows}
        given: dict[DescriptionId, StoredDescription] = {}
        links: dict[tuple[RecordId, DescriptionId, str], None] = {}
        for record_id, told in mentions.items():
            for mention in told:
                one = StoredDescription.of(mention.described)
                given[one.id] = one
                links[record_id, one.id, mention.role] = None
        if not links:
            return
        columns = description_columns(given.values())
        inserted = await self._connection.fetch(sql.INSERT_DESCRIPTIONS, *columns)
        self._fresh |= {row["id"] for row in inserted}
        await self._connection.execute(
            sql.INSERT_MENTIONS, *(list(column) for column in zip(*links, strict=True))
        )

    async def connected(self) -> tuple[Sequence[StoredDescription], Sequence[Judgement]]:
        judged = await self._connection.fetch(sql.GET_JUDGEMENTS)
        judgements = [judgement_of(row) for row in judged]
        gone = await self._connection.fetch(sql.FORGET_UNMENTIONED, list(self._touched))
        reach = _Reach(judgements)
        reach.ids |= self._fresh | (self._touched - {row["id"] for row in gone})
        for row in gone:
            reach.note(row)
        found: dict[DescriptionId, StoredDescription] = {}
        while wanted := reach.take():
            for row in await self._connection.fetch(sql.REACHABLE, *wanted):
                if row["id"] not in found:
                    found[row["id"]] = description_of(row)
                    reach.note(row)
        self._old_identities = reach.seen_identities
        return list(found.values()), judgements

    async def keep_identities(self, identities: Sequence[Identity]) -> None:
        connection = self._connection
        rows = await connection.fetch(sql.GET_IDENTITIES, list(self._old_identities))
        old = {row["id"]: row for row in rows}
        present = {identity.id for identity in identities}
        changed = [
            identity for identity in identities if not says_the_same(identity, old.get(identity.id))
        ]
        replaced = [row for id, row in old.items() if id not in present]
        replaced += [old[identity.id] for identity in changed if identity.id in old]
        await connection.execute(sql.DELETE_KEYS, [row["id"] for row in replaced])
        if changed:
            await connection.execute(sql.UPSERT_IDENTITIES, *identity_columns(changed))
            await connection.execute(sql.INSERT_KEYS, *_key_columns(changed))
        await connection.execute(
            sql.SET_IDENTITIES,
            [id for identity in identities for id in identity.descriptions],
            [identity.id for identity in identities for _ in identity.descriptions],
        )
        gone = [id for id in old if id not in present]
        await connection.execute(
            sql.ENQUEUE_IDENTITIES, [*gone, *(identity.id for identity in changed)]
        )
        await connection.execute(sql.DELETE_IDENTITIES, gone)
        await self._recount(
            [identity for identity in changed if not identity.is_of_texts],
            [row for row in replaced if not identity_of(row).is_of_texts],
        )
        last = max(one.id for one in self.queued)
        await recount_names(connection, changed, replaced, behind=last)

    async def _recount(self, fresh: Sequence[Identity], replaced: Sequence[Row]) -> None:
        """Keep the statistics, and let all be matched again whom a change of them concerns.

        Names in texts are none of these: nobody is matched with them but they with others.
        """
        changes = _changes(fresh, map(identity_of, replaced))
        counted = {key: changes[key] for key in sorted(changes) if changes[key]}
        columns = [[key[part] for key in counted] for part in range(2)]
        rows = await self._connection.fetch(sql.COUNT, *columns, list(counted.values()))
        await self._connection.execute(sql.FORGET_TOKENS, *columns)
        # What has changed in place has the same blocks as before, but says something else.
        blocks: set[tuple[str, str]] = {
            (identity.kind, block) for identity in fresh for block in blocks_of(identity)
        }
        blocks |= {(row["kind"], block) for row in replaced for block in row["blocks"]}
        concerned = _Concerned()
        sizes = {(row["kind"], row["token"]): row["identities"] for row in rows}
        for (kind, token), now in sizes.items():
            concerned.note(kind, token, before=now - changes[kind, token], now=now)
        as_before = {(of, block) for of, block in blocks if (of, BLOCK + block) not in sizes}
        concerned.blocks |= await self._narrow(as_before)
        await self._enqueue(concerned)

    async def _narrow(self, blocks: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those that few enough identities have to be near each other by them."""
        narrow: set[tuple[str, str]] = set()
        for kind in {kind for kind, _ in blocks}:
            wanted = [BLOCK + block for of, block in blocks if of == kind]
            rows = await self._connection.fetch(
                matching_sql.NARROW_BLOCKS, kind, wanted, MAX_BLOCK_IDENTITIES
            )
            narrow |= {(kind, row["block"]) for row in rows}
        return narrow

    async def _enqueue(self, concerned: _Concerned) -> None:
        for kind in concerned.kinds:
            await self._connection.execute(sql.ENQUEUE_KIND, kind)
        for kind in {kind for kind, _ in concerned.blocks | concerned.tokens} - concerned.kinds:
            await self._connection.execute(
                sql.ENQUEUE_NEAR,
                kind,
                [block for of, block in concerned.blocks if of == kind],
                [token for of, token in concerned.tokens if of == kind],
            )


class _Reach:
    """What is to be looked for next, and what was before; each thing once."""

    def __init__(self, judgements: Sequence[Judgement]) -> None:
        self.ids: set[DescriptionId] = set()
        self.seen_identities: set[EntityId] = set()
        self._keys: set[str] = set()
        self._identities: set[EntityId] = set()
        self._seen_keys: set[str] = set()
        self._judgements = judgements

    def note(self, row: Row) -> None:
        """What leads on from a description."""
        tokens = {*row["keys"], f"{DESCRIPTION_TOKEN}{row['id']}"}
        if row["identity_id"] and row["identity_id"] not in self.seen_identities:
            self.seen_identities.add(row["identity_id"])
            self._identities.add(row["identity_id"])
        for judgement in self._judgements:
            sides = judgement.left | judgement.right
            if judgement.kind == row["kind"] and sides & tokens:
                tokens |= sides
        for token in tokens - self._seen_keys:
            self._seen_keys.add(token)
            if token.startswith(DESCRIPTION_TOKEN):
                self.ids.add(DescriptionId(UUID(token.removeprefix(DESCRIPTION_TOKEN))))
            else:
                self._keys.add(token)

    def take(self) -> tuple[list[DescriptionId], list[EntityId], list[str]] | None:
        if not (self.ids or self._identities or self._keys):
            return None
        wanted = (list(self.ids), list(self._identities), list(self._keys))
        self.ids, self._identities, self._keys = set(), set(), set()
        return wanted


class _Concerned:
    """Whose neighbours are others by now, or whose words weigh differently."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.blocks: set[tuple[str, str]] = set()
        self.tokens: set[tuple[str, str]] = set()

    def note(self, kind: str, token: str, *, before: int, now: int) -> None:
        if token.startswith(BLOCK):
            if min(before, now) <= MAX_BLOCK_IDENTITIES:
                self.blocks.add((kind, token.removeprefix(BLOCK)))
        elif rounded(before) != rounded(now):
            if token == ALL:
                self.kinds.add(kind)
            else:
                self.tokens.add((kind, token.removeprefix(TOKEN)))


def _changes(
    fresh: Iterable[Identity], gone: Iterable[Identity]
) -> Counter[tuple[EntityKind, str]]:
    """By how much each count changes."""
    changes: Counter[tuple[EntityKind, str]] = Counter()
    for identities, by in ((fresh, 1), (gone, -1)):
        for identity in identities:
            tokens = [TOKEN + token for token in counted_tokens(identity)]
            tokens += [BLOCK + block for block in blocks_of(identity)]
            tokens += [ALL] if identity.kind in MATCHED_KINDS else []
            for token in tokens:
                changes[identity.kind, token] += by
    return changes


def _key_columns(identities: Sequence[Identity]) -> list[list[object]]:
    """Every key with an id of its own; an identity without keys has its anchor."""
    rows = [
        (derive_entity_id(identity.kind, key), identity.kind, key, identity.id)
        for identity in identities
        for key in (identity.keys or (identity.anchor,))
    ]
    return [list(column) for column in zip(*rows, strict=True)]
