"""What people decide about entities, on a real database: for good, whatever comes and goes."""

from __future__ import annotations

import asyncio

import pytest

from actors.adapters.postgres.store import PostgresMetadataStore
from domain.errors import ConflictError, InvalidQueryError
from domain.models.entities import EntityKind
from domain.models.ids import EntityId
from domain.ports.metadata_store import MetadataStore
from tests.entity_builders import (
    CONTACT,
    CRM,
    LOTTE_KEYS,
    SLACK,
    call,
    contact,
    find,
    link,
    lotte,
    message,
    people,
    stalled_or_done,
)
from tests.store_builders import a_record, imported, remove_all


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
