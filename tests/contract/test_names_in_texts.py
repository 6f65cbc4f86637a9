"""Names in running text become mentions, on a real database: whatever comes first, the same."""

from __future__ import annotations

from itertools import permutations

import asyncpg
import pytest

from actors.adapters.postgres.linking_sql import ENQUEUE_TEXTS, KNOWN_NAMES
from actors.adapters.postgres.store import PostgresMetadataStore
from domain.models.entities import EntityKind, Role
from domain.models.records import Record
from domain.models.related import Entity
from domain.models.search import EVERYTHING
from tests.contract.test_linking import again, state
from tests.entity_builders import contact, find, link
from tests.store_builders import a_record, imported, remove_all

ADA_ID, OTHER_ID = "003Tb0000000103IAA", "003Tb0000000104IAA"
ADA = contact("ada", ADA_ID, "ada@k.example", "Ada Lovelace")
NAMESAKE = contact("other", OTHER_ID, "lovelace@m.example", "Ada Lovelace")
NOTE = a_record("note", "I asked Ada Lovelace about the pump")
OTHERS = [
    contact(f"c{n}", f"003Tb00000{n:05}AAA"[:18], f"c{n}@k.example", f"Given{n} Family{n}")
    for n in range(60)
]
"""Among few a name says little."""


async def ada(store: PostgresMetadataStore) -> Entity:
    [found] = await find(store, "ada@k.example")
    return await store.entities.get(found.id, scope=EVERYTHING)


async def roles_of_note(store: PostgresMetadataStore, note: Record = NOTE) -> dict[str, set[Role]]:
    """By which roles the note speaks of whom, by the entity's first key."""
    found = await store.entities.of_records([note.record_id], limit=9, scope=EVERYTHING)
    roles: dict[str, set[Role]] = {}
    for one in found.get(note.record_id, ()):
        entity = await store.entities.get(one.id, scope=EVERYTHING)
        roles[entity.summary.keys[0]] = set(one.roles)
    return roles


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_whatever_comes_first_the_links_are_the_same(
    metadata_store: PostgresMetadataStore, order: tuple[int, ...]
) -> None:
    parts = [[NOTE], [ADA], OTHERS]
    for at in order:
        await imported(metadata_store, *parts[at])
        await link(metadata_store)
    one_by_one = await state(metadata_store)
    assert await roles_of_note(metadata_store) == {"email:ada@k.example": {Role.MENTION}}

    await again(metadata_store)

    assert await state(metadata_store) == one_by_one


async def test_a_mention_is_linked_with_a_score_and_its_reasons(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, ADA, *OTHERS)
    await link(metadata_store)
    entity = await ada(metadata_store)
    assert "text:ada lovelace" in entity.summary.keys
    [near] = entity.near
    assert 0.9 <= near.score < 1.0
    assert any("lovelace" in one.reason for one in near.evidence)
    [linked] = await metadata_store.entities.linked(NOTE.record_id, limit=9, scope=EVERYTHING)
    assert linked.record.title == "Ada Lovelace"
    assert linked.score == near.score
    assert linked.entity.roles == (Role.MENTION,)
    assert linked.evidence[0].startswith("here the name “ada lovelace” in the text, there ")


async def test_two_texts_with_one_name_are_linked_no_surer_than_the_name_is(
    metadata_store: PostgresMetadataStore,
) -> None:
    second = a_record("second", "Ada Lovelace has called")
    await imported(metadata_store, NOTE, second, ADA, *OTHERS)
    await link(metadata_store)
    linked = await metadata_store.entities.linked(NOTE.record_id, limit=9, scope=EVERYTHING)
    assert {one.record.record_id: one.score < 1.0 for one in linked} == {
        ADA.record_id: True,
        second.record_id: True,
    }


async def test_a_name_that_two_have_is_left_with_both_and_links_no_records(
    metadata_store: PostgresMetadataStore,
) -> None:
    second = a_record("second", "Ada Lovelace has called")
    await imported(metadata_store, NOTE, second, ADA, NAMESAKE, *OTHERS)
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {"text:ada lovelace": {Role.MENTION}}
    [bare] = await find(metadata_store, "text:ada lovelace")
    entity = await metadata_store.entities.get(bare.id, scope=EVERYTHING)
    assert {one.name for one in entity.candidates} == {"Ada Lovelace"}
    assert len(entity.candidates) == 2
    assert not await metadata_store.entities.linked(NOTE.record_id, limit=9, scope=EVERYTHING)


async def test_a_namesake_that_goes_leaves_the_name_to_the_other(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, ADA, *OTHERS)
    claim = await imported(metadata_store, NAMESAKE)
    await link(metadata_store)
    await remove_all(metadata_store, claim.file_id)
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {"email:ada@k.example": {Role.MENTION}}


async def test_a_name_that_nobody_has_any_more_is_mentioned_no_more(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, *OTHERS)
    claim = await imported(metadata_store, ADA)
    await link(metadata_store)
    await remove_all(metadata_store, claim.file_id)
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {}
    assert await find(metadata_store, "text:ada lovelace") == []
    assert not await metadata_store.linking.contradictions()


async def test_a_longer_name_that_comes_later_takes_the_place_of_a_shorter(
    metadata_store: PostgresMetadataStore,
) -> None:
    note = a_record("note", "at Acme Europe Holding today")
    accounts = [
        a_record(
            str(n), title=name, source_type="salesforce", metadata={"object": "Account", "Id": id}
        )
        for n, (name, id) in enumerate(
            {
                "Acme Europe": "001Tb0000000101IAA",
                "Acme Europe Holding": "001Tb0000000102IAA",
            }.items()
        )
    ]
    await imported(metadata_store, note, accounts[0])
    await link(metadata_store)
    assert [one.name for one in await find(metadata_store, "text:acme europe")] == ["Acme Europe"]
    await imported(metadata_store, accounts[1])
    await link(metadata_store)
    assert await find(metadata_store, "text:acme europe") == []
    [named] = await find(metadata_store, "text:acme europe holding")
    assert named.kind is EntityKind.ACCOUNT


async def test_a_name_that_a_person_has_split_off_stays_apart(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, ADA, *OTHERS)
    await link(metadata_store)
    entity = await ada(metadata_store)
    await metadata_store.entities.split(entity.summary.id, ["text:ada lovelace"])
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {"text:ada lovelace": {Role.MENTION}}
    await metadata_store.linking.start_over()
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {"text:ada lovelace": {Role.MENTION}}
    second = a_record("second", "Ada Lovelace has called")
    await imported(metadata_store, second)
    await link(metadata_store)
    assert await roles_of_note(metadata_store, second) == {"text:ada lovelace": {Role.MENTION}}


async def test_a_name_that_a_person_has_joined_to_one_of_two_is_theirs(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, ADA, NAMESAKE, *OTHERS)
    await link(metadata_store)
    [bare] = await find(metadata_store, "text:ada lovelace")
    entity = await ada(metadata_store)
    await metadata_store.entities.join(entity.summary.id, bare.id)
    await link(metadata_store)
    assert await roles_of_note(metadata_store) == {"email:ada@k.example": {Role.MENTION}}
    assert not await metadata_store.linking.contradictions()


async def test_names_in_texts_change_nothing_else(metadata_store: PostgresMetadataStore) -> None:
    await imported(metadata_store, ADA, NAMESAKE, *OTHERS)
    await link(metadata_store)
    *_, before, names = await state(metadata_store)
    await imported(metadata_store, NOTE, a_record("two", "ADA LOVELACE and Ada Lovelace"))
    await link(metadata_store)
    assert (await state(metadata_store))[-2:] == (before, names)
    assert not await metadata_store.linking.contradictions()


async def test_what_was_linked_before_there_were_names_is_linked_again_with_them(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, NOTE, ADA, *OTHERS)
    await link(metadata_store)
    expected = await state(metadata_store)
    for statement in (
        "DELETE FROM mentions WHERE role = 'mention'",
        "DELETE FROM descriptions WHERE starts_with(keys[1], 'text:')",
        "DELETE FROM identities WHERE starts_with(anchor, 'text:')",
        "UPDATE identities SET called = '{}'",
        "DELETE FROM known_names",
        "INSERT INTO linking_queue (record_id) SELECT id FROM parsed_content",
    ):
        await metadata_store.linking._database.fetch(statement)
    await link(metadata_store)
    assert await state(metadata_store) == expected


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (ENQUEUE_TEXTS, "idx_parsed_content_words"),
        (ENQUEUE_TEXTS, "idx_linking_queue_record"),
        (KNOWN_NAMES, "known_names_pkey"),
    ],
    ids=["texts", "waiting", "names"],
)
async def test_names_and_texts_are_found_by_an_index(
    postgres_dsn: str, statement: str, index: str
) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        asked = statement.replace("$4", "0")
        for number in (1, 2, 3):
            asked = asked.replace(f"${number}::text[]", "'{ada}'::text[]")
        plan = await connection.fetch(f"EXPLAIN {asked}")
    finally:
        await connection.close()
    assert any(index in row[0] for row in plan)


@pytest.mark.parametrize(
    ("name", "text", "is_found"),
    [
        ("Ada Lovelace", "*Ada Lovelace*: yes", True),
        ("Ada Lovelace", "“Ada Lovelace”", True),
        ("Ada Lovelace", "ask—ADA  \n LOVELACE’s plan", False),
        ("Ada Lovelace", "ask: ADA  \n LOVELACE’s plan", True),
        ("Ada Lovelace", "a_b Ada Lovelace's plan", True),
        ("Ada Lovelace", "_Ada Lovelace_", False),
        ("Jean-Luc Picard", "(Jean-Luc Picard)", True),
        ("Bo O'Hara", "ask Bo O’Hara!", True),
        ("Bo O’Hara", "ask Bo O'Hara…", True),
        ("José García", "…José García…", True),
        ("José García", "JOSÉ GARCÍA", False),
        ("Will Will", "asked Will Will", False),
        ("Ångström Ünit", "Ångström Ünit", True),
        ("J. R. Smith", "to J. R. Smith.", True),
        ("Running Waters", "with Running Waters, who", True),
        ("Iron 42", "an Iron 42, or", True),
        ("Iron 42", "an Iron -42", False),
        ("ﬁne Ａda", "of ﬁne Ａda.", False),
        ("Ａda Ａda", "of Ａda Ａda.", True),
        ("圏論 入門", "この 圏論 入門 を", True),
    ],
)
async def test_a_text_that_was_there_before_the_name_is_treated_as_one_that_comes_after(
    metadata_store: PostgresMetadataStore, name: str, text: str, is_found: bool
) -> None:
    note, person = a_record("note", text), contact("p", ADA_ID, "p@k.example", name)
    await imported(metadata_store, note)
    await link(metadata_store)
    await imported(metadata_store, person)
    await link(metadata_store)
    before = await state(metadata_store)
    assert bool(await roles_of_note(metadata_store, note)) is is_found
    await again(metadata_store)
    assert await state(metadata_store) == before
