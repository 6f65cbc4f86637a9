"""Records of several sources that speak of the same people."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.adapters.postgres.store import PostgresMetadataStore
from domain.models.entities import EntityKind
from domain.models.ids import EntityId
from domain.models.records import Record
from domain.models.related import EntitySummary
from domain.models.search import EVERYTHING, Scope
from domain.ports.metadata_store import MetadataStore
from pipelines.linking import Linker
from tests.store_builders import a_record, imported

START = datetime(2026, 3, 1, tzinfo=UTC)
CONTACT, ACCOUNT, CASE = "003Tb0000000103IAA", "001Tb0000000101IAA", "500Tb0000000101IAA"


def message(
    native_id: str, user: str, *, name: str | None = None, at: int = 0, **fields: Any
) -> Record:
    """A Slack message; fields that no record has are metadata. ``at`` counts seconds."""
    known = {key: fields.pop(key) for key in ("thread", "visibility") if key in fields}
    return a_record(
        native_id,
        source_type="slack",
        author=name or user,
        timestamp=START + timedelta(seconds=at),
        metadata={"user_id": user, "team_id": "T1", "is_bot": False, **fields},
        **known,
    )


def call(native_id: str, *parties: dict[str, Any], at: int = 0) -> Record:
    """A Gong call; ``at`` counts seconds."""
    return a_record(
        native_id,
        source_type="gong",
        title=f"Call about {native_id}",
        timestamp=START + timedelta(seconds=at),
        metadata={"call_id": native_id, "parties": list(parties)},
    )


def contact(
    native_id: str, id: str, email: str, name: str = "Lotte Abernay", **fields: Any
) -> Record:
    metadata = {"object": "Contact", "Id": id, "AccountId": ACCOUNT, "Email": email, **fields}
    return a_record(native_id, source_type="salesforce", title=name, metadata=metadata)


def case(native_id: str, **fields: Any) -> Record:
    metadata = {"object": "Case", "Id": CASE, **fields}
    return a_record(native_id, source_type="salesforce", metadata=metadata)


SLACK = message("m1", "U1", author_email="lotte@k.example", name="lotte")
GONG = call("77", {"name": "Lotte Abernay", "email": "lotte@k.example", "user_id": "9"})
CRM = contact("c1", CONTACT, "lotte@k.example")
LOTTE_KEYS = ("email:lotte@k.example", "gong-user:9", f"salesforce:{CONTACT}", "slack-user:T1/U1")


async def link(store: MetadataStore) -> None:
    await Linker(store.linking).drain()
    assert await store.linking.waiting() == 0


async def stalled_or_done(task: asyncio.Task[Any], store: PostgresMetadataStore) -> None:
    """Until the task is done, or waits for a lock that another transaction has."""
    while not task.done():
        if await store.linking._database.fetchval(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            return


async def find(
    store: MetadataStore, text: str | None, *kinds: EntityKind, scope: Scope = EVERYTHING
) -> list[EntitySummary]:
    return list(await store.entities.find(text, kinds=kinds, limit=10, scope=scope))


async def lotte(store: MetadataStore) -> EntityId:
    await imported(store, SLACK, GONG, CRM)
    await link(store)
    return (await find(store, "lotte@k.example"))[0].id


async def people(store: MetadataStore) -> list[tuple[str, ...]]:
    return sorted(one.keys for one in await find(store, None, EntityKind.PERSON))
