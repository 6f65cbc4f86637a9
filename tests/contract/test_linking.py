"""From records to entities, on a real database: the same ones, whatever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from actors.adapters.postgres.store import PostgresMetadataStore
from domain.gathering import gather
from domain.mentions.extracting import mentions_of
from domain.models.files import ProcessingStatus
from domain.near_linking import MAX_BLOCK_IDENTITIES
from pipelines.linking import Linker
from tests.entity_builders import (
    CONTACT,
    CRM,
    GONG,
    SLACK,
    call,
    case,
    contact,
    link,
    message,
    stalled_or_done,
)
from tests.store_builders import a_claim, a_record, confirm, imported, remove_all, stage

State = tuple[Any, ...]


async def state(store: PostgresMetadataStore) -> State:
    """Everything that linking has made, in a fixed order."""
    database = store.linking._database
    tables = {
        "mentions": "record_id, description_id, role",
        "descriptions": "id, kind, keys, name, identity_id",
        "identities": "id, kind, keys, names, facts, entity_id, entity_name",
        "entity_keys": "kind, key, id, identity_id",
        "entity_links": "identity_id, other_id, outcome, score",
        "entity_statistics": "kind, token, identities",
        "known_names": "kind, name, identities",
    }
    rows = [
        [tuple(map(str, row)) for row in await database.fetch(f"SELECT {columns} FROM {table}")]
        for table, columns in tables.items()
    ]
    return tuple(sorted(of_table) for of_table in rows)


async def entities(store: PostgresMetadataStore) -> list[tuple[str, ...]]:
    """The keys of every entity."""
    rows = await store.linking._database.fetch(
        "SELECT array_agg(key ORDER BY key) AS keys FROM entity_keys AS k "
        "JOIN identities AS identity ON identity.id = k.identity_id GROUP BY identity.entity_id"
    )
    return sorted(tuple(row["keys"]) for row in rows)


def with_key(found: Sequence[tuple[str, ...]], key: str) -> tuple[str, ...]:
    (one,) = [keys for keys in found if key in keys]
    return one


async def test_records_of_three_sources_make_one_person(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, SLACK, GONG, CRM)

    await link(metadata_store)

    assert with_key(await entities(metadata_store), "slack-user:T1/U1") == (
        "email:lotte@k.example",
        "gong-user:9",
        f"salesforce:{CONTACT}",
        "slack-user:T1/U1",
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_order_of_imports_makes_no_difference(
    metadata_store: PostgresMetadataStore, order: tuple[int, ...]
) -> None:
    records = [SLACK, GONG, CRM]
    for at in order:
        await imported(metadata_store, records[at])
        await link(metadata_store)
    one_by_one = await state(metadata_store)

    await again(metadata_store)

    assert await state(metadata_store) == one_by_one


async def again(store: PostgresMetadataStore) -> None:
    """Forget all links, and link everything at once."""
    database = store.linking._database
    await database.fetch(
        "TRUNCATE mentions, descriptions, entity_keys, entity_links, entity_statistics, "
        "known_names, matching_queue, identities CASCADE"
    )
    await database.fetch("INSERT INTO linking_queue (record_id) SELECT id FROM parsed_content")
    await link(store)


async def test_linking_again_changes_nothing(metadata_store: PostgresMetadataStore) -> None:
    await imported(metadata_store, SLACK, GONG)
    await link(metadata_store)
    before = await state(metadata_store)

    await metadata_store.linking._database.fetch(
        "INSERT INTO linking_queue (record_id) SELECT id FROM parsed_content"
    )
    await link(metadata_store)

    assert await state(metadata_store) == before


async def test_a_record_that_goes_takes_its_entities_away(
    metadata_store: PostgresMetadataStore,
) -> None:
    claim = await imported(metadata_store, SLACK, GONG, CRM)
    await link(metadata_store)

    await remove_all(metadata_store, claim.file_id)
    await link(metadata_store)

    assert await state(metadata_store) == ([], [], [], [], [], [], [])


async def test_what_a_record_that_goes_had_joined_is_parted(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, message("m1", "U1"), call("77", {"user_id": "9", "name": "L"}))
    joining = await imported(
        metadata_store,
        call("78", {"email": "l@k.example", "user_id": "9", "name": "L"}),
        message("m2", "U1", author_email="l@k.example"),
    )
    await link(metadata_store)
    assert "gong-user:9" in with_key(await entities(metadata_store), "slack-user:T1/U1")

    await remove_all(metadata_store, joining.file_id)
    await link(metadata_store)

    assert with_key(await entities(metadata_store), "slack-user:T1/U1") == ("slack-user:T1/U1",)


async def test_a_record_that_changes_speaks_of_others(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, SLACK)
    await link(metadata_store)

    await imported(metadata_store, message("m1", "U2", name="bo"))
    await link(metadata_store)

    assert await entities(metadata_store) == [("slack-user:T1/U2",)]


async def test_a_page_that_dies_is_linked_by_the_next(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, SLACK)
    with pytest.raises(RuntimeError):
        await die_in_a_page(metadata_store)

    await link(metadata_store)

    assert len(await entities(metadata_store)) == 1


async def die_in_a_page(store: PostgresMetadataStore) -> None:
    async with store.linking.linking(limit=10) as page:
        assert page is not None
        await page.keep_mentions({})
        raise RuntimeError("killed")


async def refuse(store: PostgresMetadataStore, name: str) -> None:
    """Let nothing be stored of who has the name."""
    await store.linking._database.fetch(
        f"ALTER TABLE descriptions ADD CONSTRAINT refused CHECK (name <> '{name}')"
    )


async def test_what_cannot_be_linked_is_set_aside_and_the_rest_is_linked(
    metadata_store: PostgresMetadataStore,
) -> None:
    records = [message(f"m{n}", f"U{n}", name="bad" if n == 3 else "good") for n in range(6)]
    await imported(metadata_store, *records)
    await refuse(metadata_store, "bad")

    linker = Linker(metadata_store.linking)
    await linker.drain()

    found = await entities(metadata_store)
    assert found == [(f"slack-user:T1/U{n}",) for n in (0, 1, 2, 4, 5)]
    assert (linker.set_aside, await metadata_store.linking.waiting()) == (1, 0)
    (sentence,) = await metadata_store.records.audit()
    assert f"record {records[3].record_id} could not be linked: CheckViolationError" in sentence


@pytest.mark.parametrize("is_changed", [True, False], ids=["changed", "taken up again"])
async def test_what_was_set_aside_is_linked_later(
    metadata_store: PostgresMetadataStore, is_changed: bool
) -> None:
    await imported(metadata_store, message("m1", "U1", name="bad"))
    await refuse(metadata_store, "bad")
    await link(metadata_store)
    await metadata_store.linking._database.fetch("ALTER TABLE descriptions DROP CONSTRAINT refused")

    if is_changed:
        await imported(metadata_store, message("m1", "U1", name="good"))
    else:
        assert await metadata_store.linking.take_up_again() == 1
    await link(metadata_store)

    assert await entities(metadata_store) == [("slack-user:T1/U1",)]
    assert await metadata_store.records.audit() == []


async def test_what_changes_while_it_is_linked_is_linked_again(
    metadata_store: PostgresMetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await confirm(metadata_store, claim, await stage(metadata_store, claim, SLACK))
    async with metadata_store.linking.linking(limit=10) as page:
        assert page is not None
        await imported(metadata_store, message("m1", "U2", name="bo"))
        await page.keep_mentions({})
        await page.keep_identities([])

    await link(metadata_store)

    assert await entities(metadata_store) == [("slack-user:T1/U2",)]


async def test_what_is_deleted_while_it_is_linked_is_linked_before(
    metadata_store: PostgresMetadataStore,
) -> None:
    claim = await imported(metadata_store, SLACK)
    async with metadata_store.linking.linking(limit=10) as page:
        assert page is not None
        deletion = asyncio.create_task(remove_all(metadata_store, claim.file_id))
        await stalled_or_done(deletion, metadata_store)
        (stored,) = page.records
        await page.keep_mentions({stored.record_id: mentions_of(stored.record, "slack/1")})
        await page.keep_identities(gather(*await page.connected()))
    await deletion
    await link(metadata_store)

    assert await state(metadata_store) == ([], [], [], [], [], [], [])


async def test_a_name_that_very_many_have_has_none_of_them_matched_again(
    metadata_store: PostgresMetadataStore,
) -> None:
    many = range(MAX_BLOCK_IDENTITIES + 1)
    await imported(metadata_store, *(message(f"m{n}", f"U{n}", name="ann") for n in many))
    await link(metadata_store)
    await imported(metadata_store, message("another", "U7", name="Ann"))

    async with metadata_store.linking.linking(limit=10) as page:
        assert page is not None
        (stored,) = page.records
        await page.keep_mentions({stored.record_id: mentions_of(stored.record, "slack/1")})
        await page.keep_identities(gather(*await page.connected()))

    assert await metadata_store.linking.waiting() == 1


async def test_only_one_links_at_a_time(metadata_store: PostgresMetadataStore) -> None:
    await imported(metadata_store, SLACK)
    async with metadata_store.linking.linking(limit=10) as page:
        assert page is not None
        async with metadata_store.linking.linking(limit=10) as other:
            assert other is None


async def test_near_links_do_not_depend_on_the_order_either(
    metadata_store: PostgresMetadataStore,
) -> None:
    rows = [
        a_record(str(n), metadata={"Name": name, "Title": title, "AccountName": "Kestermill"})
        for n, (name, title) in enumerate(
            [("Ann Lee", "CTO"), ("Bo Agnew", "CFO"), ("Ann Lee", "Clerk"), ("Cy Dee", "CTO")]
        )
    ]
    parties = [
        call("1", {"name": "Bo Agnew", "title": "CFO", "speaker_id": "1"}),
        call("2", {"name": "Ann Lee", "speaker_id": "2"}),
    ]
    for record in [*rows, *parties]:
        await imported(metadata_store, record)
        await link(metadata_store)
    one_by_one = await state(metadata_store)

    await again(metadata_store)

    assert await state(metadata_store) == one_by_one


async def test_a_key_that_comes_later_counts_for_those_who_are_near(
    metadata_store: PostgresMetadataStore,
) -> None:
    """Two contacts of one organisation are rarely one."""
    row = a_record("1", metadata={"Name": "Imke Sandvoort", "Email": "i@k.example"})
    also = {"ContactId": "003Tb0000000104IAA", "ContactEmail": "i@k.example"}
    namesakes = [
        contact(id, id, "", "Imke Sandvoort", Title=title)
        for id, title in ((CONTACT, "Buyer"), ("003Tb0000000105IAA", "Lawyer"))
    ]
    await imported(metadata_store, *namesakes, row)
    await link(metadata_store)
    near = (await state(metadata_store))[4]
    await imported(metadata_store, case("k1", **also))
    await link(metadata_store)
    one_by_one = await state(metadata_store)

    await again(metadata_store)

    assert near != one_by_one[4]
    assert await state(metadata_store) == one_by_one


async def test_what_linking_has_made_agrees_with_itself(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, SLACK, GONG)
    leaving = await imported(metadata_store, CRM)
    await link(metadata_store)
    await metadata_store.files.transition(leaving.file_id, ProcessingStatus.DELETING)
    await remove_all(metadata_store, leaving.file_id)
    queued = await metadata_store.records.audit()
    await link(metadata_store)
    assert [*queued, *await metadata_store.records.audit()] == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("DELETE FROM mentions", "is given by no record"),
        ("UPDATE descriptions SET identity_id = NULL", "is of no entity"),
        ("DELETE FROM entity_keys", "leads to nothing"),
        ("UPDATE identities SET entity_id = gen_random_uuid()", "which is not there"),
        ("UPDATE entity_statistics SET identities = identities + 1", "are counted"),
    ],
)
async def test_verify_tells_what_does_not_agree(
    metadata_store: PostgresMetadataStore, damage: str, sentence: str
) -> None:
    await imported(metadata_store, SLACK)
    await link(metadata_store)
    await metadata_store.linking._database.fetch(damage)
    assert any(sentence in one for one in await metadata_store.records.audit())


async def test_starting_over_makes_the_same_again(
    metadata_store: PostgresMetadataStore,
) -> None:
    await imported(metadata_store, SLACK, GONG, CRM)
    await link(metadata_store)
    before = await state(metadata_store)
    await metadata_store.linking._database.fetch("DELETE FROM mentions")

    await metadata_store.linking.start_over()
    found = await metadata_store.linking.contradictions()
    await link(metadata_store)

    assert found == []
    assert await state(metadata_store) == before
