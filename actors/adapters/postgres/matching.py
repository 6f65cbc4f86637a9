"""Near linking: identities that may be the same, what matching says of them, and the entities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from actors.adapters.postgres import matching_sql as sql
from actors.adapters.postgres.database import Connection
from actors.adapters.postgres.identity_rows import identity_of, judgement_of, link_columns, link_of
from actors.adapters.postgres.linking_sql import GET_JUDGEMENTS
from domain.models.entities import EntityKind
from domain.models.ids import EntityId
from domain.models.linking import Identity, Judgement, NearLink
from domain.models.links import TokenStatistics
from domain.near_linking import MAX_BLOCK_IDENTITIES, blocks_of, rounded

TOKEN, BLOCK, ALL = "t:", "b:", ""
"""How the statistics tell words, blocking keys and the count of all identities apart."""


class PostgresMatchingPage:
    """Lives in the transaction that opened it."""

    def __init__(self, connection: Connection, identities: Sequence[Identity]) -> None:
        self.identities = identities
        self._connection = connection

    async def neighbours(self) -> Mapping[EntityId, Sequence[Identity]]:
        blocks: dict[EntityKind, set[str]] = defaultdict(set)
        for identity in self.identities:
            blocks[identity.kind] |= blocks_of(identity)
        known = {kind: await self._by_block(kind, wanted) for kind, wanted in blocks.items()}
        near: dict[EntityId, Sequence[Identity]] = {}
        for identity in self.identities:
            by_block = known[identity.kind]
            found = {
                one.id: one for block in blocks_of(identity) for one in by_block.get(block, ())
            }
            near[identity.id] = list(found.values())
        return near

    async def _by_block(
        self, kind: EntityKind, blocks: set[str]
    ) -> Mapping[str, Sequence[Identity]]:
        narrow = await self._connection.fetch(
            sql.NARROW_BLOCKS, kind, [BLOCK + block for block in blocks], MAX_BLOCK_IDENTITIES
        )
        found: dict[str, list[Identity]] = {row["block"]: [] for row in narrow}
        for row in await self._connection.fetch(sql.NEIGHBOURS, kind, list(found)):
            identity = identity_of(row)
            for block in found.keys() & set(row["blocks"]):
                found[block].append(identity)
        return found

    async def judgements(self) -> Sequence[Judgement]:
        return [judgement_of(row) for row in await self._connection.fetch(GET_JUDGEMENTS)]

    async def statistics(self, kind: EntityKind, tokens: Sequence[str]) -> TokenStatistics:
        wanted = [ALL, *(TOKEN + token for token in tokens)]
        rows = await self._connection.fetch(sql.STATISTICS, kind, wanted)
        counts = {row["token"]: rounded(row["identities"]) for row in rows}
        total = counts.pop(ALL, 0)
        return TokenStatistics(total, {name.removeprefix(TOKEN): n for name, n in counts.items()})

    async def keep_links(self, links: Sequence[NearLink]) -> None:
        await self._connection.execute(
            sql.DELETE_LINKS, [identity.id for identity in self.identities]
        )
        if links:
            await self._connection.execute(sql.INSERT_LINKS, *link_columns(links))

    async def clusters(self) -> tuple[Sequence[Identity], Sequence[NearLink]]:
        found: dict[EntityId, Identity] = {}
        wanted = {identity.id for identity in self.identities}
        entities: set[EntityId] = set()
        while True:
            rows = await self._connection.fetch(sql.CLUSTERS, list(wanted), list(entities))
            fresh = [row for row in rows if row["id"] not in found]
            if not fresh:
                break
            found |= {row["id"]: identity_of(row) for row in fresh}
            wanted |= {row["id"] for row in fresh}
            entities |= {row["entity_id"] for row in fresh}
        links = await self._connection.fetch(sql.LINKS_AMONG, list(found))
        return list(found.values()), [link_of(row) for row in links]

    async def keep_entities(
        self, identities: Sequence[Identity], entities: Mapping[EntityId, EntityId]
    ) -> None:
        names = _names(identities, entities)
        ids = list(entities)
        await self._connection.execute(
            sql.SET_ENTITIES,
            ids,
            [entities[id] for id in ids],
            [names.get(entities[id]) for id in ids],
        )


def _names(
    identities: Sequence[Identity], entities: Mapping[EntityId, EntityId]
) -> dict[EntityId, str]:
    """What each entity is called: by its first identity, else by the first that has a name."""
    names: dict[EntityId, str] = {}
    for identity in sorted(identities, key=lambda one: (not one.keys, one.anchor)):
        entity_id = entities[identity.id]
        if identity.name and (entity_id not in names or identity.id == entity_id):
            names[entity_id] = identity.name
    return names
