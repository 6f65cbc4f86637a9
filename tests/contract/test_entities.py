"""What one may ask and decide about entities, on a real database."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from actors.adapters.postgres.store import PostgresMetadataStore
from domain.errors import ConflictError, InvalidQueryError, NotFoundError
from domain.models.entities import EntityKind, Role
from domain.models.ids import EntityId, RecordId
from domain.models.related import EntitySummary
from domain.models.search import EVERYTHING, Scope
from domain.ports.metadata_store import MetadataStore
from tests.entity_builders import (
    CONTACT,
    CRM,
    GONG,
    SLACK,
    call,
    contact,
    link,
    message,
    stalled_or_done,
)
from tests.store_builders import MODEL, a_record, imported, remove_all

LOTTE_KEYS = ("email:lotte@k.example", "gong-user:9", f"salesforce:{CONTACT}", "slack-user:T1/U1")


async def find(
    store: MetadataStore, text: str | None, *kinds: EntityKind, scope: Scope = EVERYTHING
) -> list[EntitySummary]:
    return list(await store.entities.find(text, kinds=kinds, limit=10, scope=scope))


async def lotte(store: MetadataStore) -> EntityId:
    await imported(store, SLACK, GONG, CRM)
    await link(store)
    return (await find(store, "lotte@k.example"))[0].id


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


async def people(store: MetadataStore) -> list[tuple[str, ...]]:
    return sorted(one.keys for one in await find(store, None, EntityKind.PERSON))


async def test_what_was_split_stays_split(metadata_store: MetadataStore) -> None:
    """Also when it all comes again."""
    other = "003Tb0000000104IAA"
    first = await imported(
        metadata_store, contact("c1", CONTACT, "x@k.example"), contact("c2", other, "x@k.example")
    )
    await link(metadata_store)
    (both,) = await find(metadata_store, "x@k.example", EntityKind.PERSON)

    await metadata_store.entities.split(both.id, [f"salesforce:{other}"])
    await link(metadata_store)
    split = await people(metadata_store)
    await remove_all(metadata_store, first.file_id)
    await link(metadata_store)
    await imported(
        metadata_store, contact("c2", other, "x@k.example"), contact("c1", CONTACT, "x@k.example")
    )
    await link(metadata_store)

    assert split == [("email:x@k.example", f"salesforce:{CONTACT}"), (f"salesforce:{other}",)]
    assert await people(metadata_store) == split


async def near_ones(store: MetadataStore) -> EntityId:
    """A contact and a row, linked by name, job and company; the entity's id."""
    facts = {"Title": "Key account manager", "Company": "Tarnbeck"}
    in_crm = a_record(
        "c1",
        source_type="salesforce",
        title="Imke Sandvoort",
        metadata={"object": "Contact", "Id": CONTACT, **facts},
    )
    await imported(store, in_crm, a_record("1", metadata={"Name": "Imke Sandvoort", **facts}))
    await link(store)
    (both,) = await find(store, "imke", EntityKind.PERSON)
    return both.id


async def test_a_decision_that_falls_into_a_page_of_matching_counts(
    metadata_store: PostgresMetadataStore,
) -> None:
    both = await near_ones(metadata_store)
    database = metadata_store.linking._database
    await database.fetch("INSERT INTO matching_queue SELECT id FROM identities")

    async with metadata_store.linking.matching(limit=10) as page:
        assert page is not None
        split = asyncio.create_task(metadata_store.entities.split(both, [f"salesforce:{CONTACT}"]))
        await stalled_or_done(split, metadata_store)
    await split
    await link(metadata_store)

    assert len(await find(metadata_store, "imke", EntityKind.PERSON)) == 2


async def test_people_who_share_an_address_are_split_by_name(
    metadata_store: MetadataStore,
) -> None:
    shared = [
        call(str(n), {"name": name, "email": "info@k.example"})
        for n, name in enumerate(["Ann Lee", "Bo Agnew"])
    ]
    namesake = call("3", {"name": "Bo Agnew", "email": "bo@h.example"})
    await imported(metadata_store, *shared, namesake)
    await link(metadata_store)
    (both,) = await find(metadata_store, "info@k.example")

    await metadata_store.entities.split(both.id, ["Bo Agnew"])
    await metadata_store.linking.start_over()
    await link(metadata_store)

    found = await find(metadata_store, None, EntityKind.PERSON)
    assert sorted((one.name, one.keys, one.records) for one in found) == [
        ("Ann Lee", ("email:info@k.example",), 1),
        ("Bo Agnew", (), 1),
        ("Bo Agnew", ("email:bo@h.example",), 1),
    ]


async def test_what_was_joined_stays_joined(metadata_store: MetadataStore) -> None:
    first = await imported(metadata_store, message("m1", "U1", name="ann"))
    await imported(metadata_store, message("m2", "U2", name="annie"))
    await link(metadata_store)
    one, other = await find(metadata_store, "ann")

    await metadata_store.entities.join(one.id, other.id)
    await link(metadata_store)
    joined = await people(metadata_store)
    await remove_all(metadata_store, first.file_id)
    await link(metadata_store)
    await imported(metadata_store, message("m1", "U1", name="ann"))
    await link(metadata_store)

    assert joined == await people(metadata_store) == [("slack-user:T1/U1", "slack-user:T1/U2")]


async def test_the_last_word_counts(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, SLACK, CRM)
    await link(metadata_store)
    (before,) = await find(metadata_store, "lotte", EntityKind.PERSON)
    await metadata_store.entities.split(before.id, ["slack-user:T1/U1"])
    await link(metadata_store)
    one, other = await find(metadata_store, "lotte", EntityKind.PERSON)

    await metadata_store.entities.join(one.id, other.id)
    await link(metadata_store)

    assert [one.keys for one in await find(metadata_store, "lotte", EntityKind.PERSON)] == [
        before.keys
    ]


async def test_joining_one_part_of_a_split_leaves_the_others_apart(
    metadata_store: MetadataStore,
) -> None:
    one, two, three = (f"003Tb000000010{n}IAA" for n in (3, 4, 5))
    await imported(metadata_store, *(contact(id, id, "x@k.example") for id in (one, two, three)))
    await link(metadata_store)
    (all_three,) = await find(metadata_store, "x@k.example", EntityKind.PERSON)
    await metadata_store.entities.split(all_three.id, [f"salesforce:{id}" for id in (one, two)])
    await link(metadata_store)
    (first,) = await find(metadata_store, one, EntityKind.PERSON)
    (rest,) = await find(metadata_store, "x@k.example", EntityKind.PERSON)

    await metadata_store.entities.join(first.id, rest.id)
    await link(metadata_store)

    assert await people(metadata_store) == [
        ("email:x@k.example", f"salesforce:{one}", f"salesforce:{three}"),
        (f"salesforce:{two}",),
    ]


@pytest.mark.parametrize("parts", [["nobody"], list(LOTTE_KEYS), []])
async def test_a_split_names_some_of_an_entity_and_not_all(
    metadata_store: MetadataStore, parts: list[str]
) -> None:
    person = await lotte(metadata_store)
    with pytest.raises(InvalidQueryError):
        await metadata_store.entities.split(person, parts)


async def test_things_of_different_kinds_are_not_joined(metadata_store: MetadataStore) -> None:
    person = await lotte(metadata_store)
    (about,) = await find(metadata_store, "77", EntityKind.CALL)
    with pytest.raises(ConflictError):
        await metadata_store.entities.join(person, about.id)


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
