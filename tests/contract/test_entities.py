"""What one may ask about entities, on a real database."""

from __future__ import annotations

from uuid import uuid4

import pytest

from actors.adapters.postgres import entities
from actors.adapters.postgres import entity_sql as sql
from actors.adapters.postgres.migrate import migrations
from actors.adapters.postgres.store import PostgresMetadataStore
from domain.errors import NotFoundError
from domain.models.entities import EntityKind, Role
from domain.models.ids import RecordId
from domain.models.search import EVERYTHING, Scope
from domain.ports.metadata_store import MetadataStore
from tests.entity_builders import (
    CONTACT,
    CRM,
    GONG,
    LOTTE_KEYS,
    SLACK,
    call,
    find,
    link,
    lotte,
    message,
)
from tests.store_builders import MODEL, a_record, imported, remove_all


@pytest.mark.parametrize(
    "text", ["Lotte", "lot abe", "abernay lotte", "LOTTE@k.example", CONTACT[:15], "gong-user:9"]
)
async def test_an_entity_is_found_by_names_and_keys(
    metadata_store: MetadataStore, text: str
) -> None:
    await lotte(metadata_store)
    found = await find(metadata_store, text, EntityKind.PERSON)
    assert [(one.name, one.keys, one.records) for one in found] == [
        ("Lotte Abernay", LOTTE_KEYS, 3)
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Maeve O'Hara", "o'hara"),
        ("Maeve O’Hara", "OHara"),
        ("Tarn/Beck.Systems", "beck systems"),
        ("foo@bar_baz-qux", "qux baz"),
        ("Zoé Åkerström", "akerstrom zoe"),
    ],
)
async def test_a_name_is_found_by_its_words_whatever_stands_between_them(
    metadata_store: MetadataStore, name: str, text: str
) -> None:
    await imported(metadata_store, message("m1", "U1", name=name))
    await link(metadata_store)
    assert [one.name for one in await find(metadata_store, text)] == [name]


async def test_names_that_were_stored_as_they_were_written_are_found_by_words(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, message("m1", "U1", name="Maeve O'Hara (Tarn/Beck.Åland)"))
    await link(metadata_store)
    database = metadata_store.linking._database
    await database.fetch("UPDATE identities SET words = 'maeve o''hara (tarn/beck.åland)'")
    (entity_words,) = [one.sql for one in migrations() if one.name == "entity_words"]
    await database.fetch(entity_words)
    [row] = await database.fetch("SELECT words FROM identities")
    assert row["words"].split() == ["maeve", "ohara", "tarn", "beck", "åland"]


async def test_of_very_many_with_the_words_those_with_few_others_are_found(
    metadata_store: MetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entities, "MAX_FOUND", 2)
    names = ["Ann Lee", "Ann Lee Smith", "Ann", "Ann Lee Smith Senior"]
    await imported(metadata_store, *(message(name, f"U{len(name)}", name=name) for name in names))
    await link(metadata_store)
    found = await find(metadata_store, "ann", EntityKind.PERSON)
    assert [one.name for one in found] == ["Ann", "Ann Lee"]


async def test_a_key_is_looked_up_in_the_index_whatever_its_kind(
    metadata_store: PostgresMetadataStore,
) -> None:
    async with metadata_store.linking._database.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {sql.BY_KEY}", ["a", "b"], list(EntityKind))
    conditions = [line for (line,) in plan if "Index Cond" in line]
    assert any("kind" in line and "key" in line for line in conditions)


@pytest.mark.parametrize("text", ["lottery", "nobody", "%", "zz & !"])
async def test_what_nobody_is_called_finds_nobody(metadata_store: MetadataStore, text: str) -> None:
    await lotte(metadata_store)
    assert await find(metadata_store, text, EntityKind.PERSON) == []


async def test_without_a_text_all_that_have_a_name_are_listed(
    metadata_store: MetadataStore,
) -> None:
    await lotte(metadata_store)
    found = await find(metadata_store, None)
    assert [(one.kind, one.name) for one in found] == [
        (EntityKind.CALL, "Call about 77"),
        (EntityKind.PERSON, "Lotte Abernay"),
    ]


async def test_an_entity_shows_its_other_names_and_facts(metadata_store: MetadataStore) -> None:
    entity = await metadata_store.entities.get(await lotte(metadata_store), scope=EVERYTHING)
    assert entity.aliases == ("lotte",)
    assert entity.facts["domain"] == "k.example"


async def test_its_timeline_spans_the_sources_newest_first(metadata_store: MetadataStore) -> None:
    early = message("m1", "U1", author_email="l@k.example", at=1)
    late = call("77", {"name": "Lotte", "email": "l@k.example"}, at=2)
    await imported(metadata_store, early, late)
    await link(metadata_store)
    (person,) = await find(metadata_store, "l@k.example")

    timeline = await metadata_store.entities.timeline(
        person.id, offset=0, limit=10, scope=EVERYTHING
    )

    assert [(one.source_type, one.roles) for one in timeline] == [
        ("gong", (Role.PARTICIPANT,)),
        ("slack", (Role.AUTHOR,)),
    ]


async def test_a_timeline_comes_in_pages(metadata_store: MetadataStore) -> None:
    messages = [message(f"m{n}", "U1", at=n) for n in range(5)]
    await imported(metadata_store, *messages)
    await link(metadata_store)
    (person,) = await find(metadata_store, "slack-user:T1/U1")
    pages = [
        await metadata_store.entities.timeline(person.id, offset=n, limit=2, scope=EVERYTHING)
        for n in (0, 2, 4)
    ]
    expected = [one.record_id for one in reversed(messages)]
    assert [one.record_id for page in pages for one in page] == expected


async def test_the_entities_of_many_records_come_in_one_look(
    metadata_store: MetadataStore,
) -> None:
    await lotte(metadata_store)
    silent = RecordId(uuid4())

    found = await metadata_store.entities.of_records(
        [SLACK.record_id, GONG.record_id, silent], limit=1, scope=EVERYTHING
    )

    assert {id: [one.name for one in some] for id, some in found.items()} == {
        SLACK.record_id: ["Lotte Abernay"],
        GONG.record_id: ["Call about 77"],
    }


async def test_records_of_the_same_person_are_linked_with_a_reason(
    metadata_store: MetadataStore,
) -> None:
    await lotte(metadata_store)
    linked = await metadata_store.entities.linked(SLACK.record_id, limit=10, scope=EVERYTHING)
    assert {(one.record.source_type, one.score, one.evidence) for one in linked} == {
        ("gong", 1.0, ("both name email:lotte@k.example",)),
        ("salesforce", 1.0, ("both name email:lotte@k.example",)),
    }


async def test_a_records_own_thread_is_not_what_it_is_linked_to(
    metadata_store: MetadataStore,
) -> None:
    parent = message("C1:1", "U1", thread="C1:1")
    reply = message("C1:2", "U1", thread="C1:1")
    await imported(metadata_store, parent, reply)
    await link(metadata_store)
    assert not await metadata_store.entities.linked(reply.record_id, limit=10, scope=EVERYTHING)


async def test_what_a_search_has_to_stay_within_are_all_its_records(
    metadata_store: MetadataStore,
) -> None:
    within = await metadata_store.entities.within(
        await lotte(metadata_store), model=MODEL, scope=EVERYTHING
    )
    assert within.records == {SLACK.record_id, GONG.record_id, CRM.record_id}
    assert len(within.chunks) == 3


async def test_what_the_asker_may_not_see_does_not_show(metadata_store: MetadataStore) -> None:
    secret = message("m1", "U1", visibility=("slack:user:U2",), name="Ann")
    await imported(metadata_store, secret)
    await link(metadata_store)
    (ann,) = await find(metadata_store, "ann")
    stranger, member = Scope(("slack:user:U9",)), Scope(("slack:user:U2",))

    entities = metadata_store.entities
    assert await find(metadata_store, "ann", scope=stranger) == []
    assert not await entities.timeline(ann.id, offset=0, limit=9, scope=stranger)
    assert not await entities.of_records([secret.record_id], limit=9, scope=stranger)
    assert len(await find(metadata_store, "ann", scope=member)) == 1


async def test_an_id_stays_good_when_an_entity_gets_a_smaller_key(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, message("m1", "U1"))
    await link(metadata_store)
    (before,) = await find(metadata_store, "slack-user:T1/U1")

    await imported(metadata_store, message("m2", "U1", author_email="a@k.example"))
    await link(metadata_store)

    after = await metadata_store.entities.get(before.id, scope=EVERYTHING)
    assert after.summary.id != before.id
    assert after.summary.records == 2


async def test_an_entity_without_records_is_gone(metadata_store: MetadataStore) -> None:
    claim = await imported(metadata_store, SLACK)
    await link(metadata_store)
    (person,) = await find(metadata_store, "lotte")
    await remove_all(metadata_store, claim.file_id)
    await link(metadata_store)

    with pytest.raises(NotFoundError):
        await metadata_store.entities.get(person.id, scope=EVERYTHING)


async def test_a_name_that_several_have_is_left_with_its_candidates(
    metadata_store: MetadataStore,
) -> None:
    people = [
        a_record(f"p{n}", metadata={"Name": "Charlie Davis", "Title": title, "Location": "Berlin"})
        for n, title in enumerate(["Engineer", "Designer"])
    ]
    stranger = call("77", {"name": "Charlie Davis", "speaker_id": "5"})
    await imported(metadata_store, *people, stranger)
    await link(metadata_store)
    (asked,) = await find(metadata_store, "gong-party:77:5")

    entity = await metadata_store.entities.get(asked.id, scope=EVERYTHING)

    assert entity.summary.records == 1
    assert len(entity.candidates) >= 2
    assert all(one.evidence for one in entity.candidates)
