"""Which other records speak of what a record speaks of, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.adapters.postgres import entity_sql as sql
from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.identity_rows import evidence_of
from actors.adapters.postgres.record_sql import GET_RECORD
from actors.adapters.postgres.related_rows import principals_of, related_entity, timeline_entry
from domain.correlating.wording import quoted
from domain.errors import NotFoundError
from domain.models.entities import IN_TEXT, EntityKind
from domain.models.ids import EntityId, RecordId
from domain.models.related import LinkedRecord
from domain.models.search import Scope

MAX_ENTITIES = 20
MAX_RECORDS_OF_TELLING = 1_000
"""An entity of which more records speak tells nothing about two of them."""

PER_ENTITY = 20
EXCERPT_CHARS = 300


async def linked_records(
    database: Database, record_id: RecordId, *, limit: int, scope: Scope
) -> list[LinkedRecord]:
    """Records of rare entities first; a record that shares several by the rarest.

    Raises:
        NotFoundError: no such record.
    """
    record = await database.fetchrow(GET_RECORD, record_id)
    if record is None:
        raise NotFoundError("no such record", record_id=str(record_id))
    spoken = {row["entity_id"]: row for row in await database.fetch(sql.SPOKEN, record_id)}
    found: dict[RecordId, LinkedRecord] = {}
    for entity_id in await _telling(database, spoken):
        mine = spoken[entity_id]
        rows = await database.fetch(
            sql.LINKED,
            entity_id,
            principals_of(scope),
            record_id,
            record["source_type"],
            record["thread"] or record["source_id"],
            EXCERPT_CHARS,
            min(limit, PER_ENTITY),
        )
        near = await _near(database, entity_id, rows, mine)
        for row in rows:
            found.setdefault(row["id"], _linked(mine, row, near))
        if len(found) >= limit:
            break
    return list(found.values())[:limit]


async def _telling(database: Database, spoken: Mapping[EntityId, Row]) -> list[EntityId]:
    """The rarest entities of a record, threads left out, and names that may be anybody's."""
    candidates = [
        id
        for id, row in spoken.items()
        if row["kind"] != EntityKind.THREAD
        and not (row["kind"] == EntityKind.PERSON and row["is_named_only"])
        and not row["is_nobodys_name"]
    ]
    rows = await database.fetch(sql.COMMON, candidates, MAX_RECORDS_OF_TELLING + 1)
    counts = {
        row["entity_id"]: row["records"]
        for row in rows
        if 1 < row["records"] <= MAX_RECORDS_OF_TELLING
    }
    return sorted(counts, key=lambda id: (counts[id], id))[:MAX_ENTITIES]


async def _near(
    database: Database, entity_id: EntityId, rows: Sequence[Row], mine: Row
) -> tuple[float, tuple[str, ...]]:
    """The weakest near link of an entity whose parts are not all one beyond doubt."""
    if all(_is_beyond_doubt(mine, row) for row in rows):
        return 1.0, ()
    identities = await database.fetch(sql.IDENTITIES, entity_id)
    links = [
        row
        for row in await database.fetch(sql.LINKS, [identity["id"] for identity in identities])
        if row["entity_id"] == entity_id
    ]
    weakest = min(links, key=lambda row: row["score"], default=None)
    if weakest is None:  # They have been parted since.
        return 1.0, ()
    return weakest["score"], tuple(one.reason for one in evidence_of(weakest))


def _linked(mine: Row, theirs: Row, near: tuple[float, tuple[str, ...]]) -> LinkedRecord:
    score, reasons = (1.0, ()) if _is_beyond_doubt(mine, theirs) else near
    return LinkedRecord(
        record=timeline_entry(theirs),
        entity=related_entity(mine),
        score=score,
        evidence=(_by_what(mine, theirs), *reasons),
    )


def _is_beyond_doubt(mine: Row, theirs: Row) -> bool:
    """A name that both texts have is that of one entity no surer than it is that of each."""
    return bool(
        theirs["identity_id"] == mine["identity_id"]
        and not (mine["is_named_in_text"] or theirs["is_named_in_text"])
    )


def _by_what(mine: Row, theirs: Row) -> str:
    """How both records name the entity."""
    mine_keys, their_keys = set(mine["keys"] or ()), set(theirs["keys"] or ())
    if shared := sorted(mine_keys & their_keys):
        return f"both name {_shown(shared[0])}"
    here = _shown(min(mine_keys, default=mine["name"] or "a name"))
    there = _shown(min(their_keys, default=theirs["name"] or "a name"))
    return f"here {here}, there {there}" if here != there else f"both name {here}"


def _shown(key: str) -> str:
    name = key.removeprefix(IN_TEXT)
    return key if name == key else f"the name {quoted(name)} in the text"
