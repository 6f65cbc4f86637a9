"""Contract of the metadata store: names that records publish, and records that show them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from domain.ledger import Ledger, Outcome
from domain.models.files import Claim, ProcessingStatus
from domain.models.ids import FileId
from domain.models.records import Record, Segment
from domain.ports.metadata_store import MetadataStore
from domain.references import MOMENT, READERS, reference
from tests.store_builders import (
    MODEL,
    a_claim,
    a_record,
    confirm,
    finish,
    imported,
    remove_all,
    stage,
)

KEY = "salesforce:001"
ACME = reference(KEY, "001")


def a_deal(native_id: str = "deal", **fields: Any) -> Record:
    """A record that shows the name of ``KEY``."""
    return a_record(native_id, f"sold to {ACME}", **fields)


def an_account(name: str = "Acme", native_id: str = "account", **fields: Any) -> Record:
    """A record that publishes a name for ``KEY``."""
    return a_record(native_id, f"account {name}", names={KEY: name}, at=500, **fields)


async def content_of(store: MetadataStore, record: Record) -> str:
    return (await store.records.get(record.record_id)).record.content


async def follow(store: MetadataStore, file_id: FileId) -> int:
    """Show anew what is stale, as if the index took one chunk of each; returns how many."""
    shown = 0
    async for record_ids in store.names.stale(file_id):
        renderings = await store.names.render(file_id, record_ids)
        counts = [1] * len(renderings)
        async with store.names.showing(renderings, counts, model=MODEL) as current:
            shown += len(current)
    return shown


async def followed(store: MetadataStore, *records: Record, **fields: Any) -> Claim:
    """A completed import whose names all records have followed."""
    claim = await imported(store, *records, **fields)
    await follow(store, claim.file_id)
    return claim


async def test_a_record_shows_a_name_that_is_stored(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, an_account())
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), a_deal())
    assert staged.record.content == "sold to Acme"
    assert await content_of(metadata_store, a_deal()) == "sold to Acme"


async def test_a_record_shows_a_name_of_its_own_batch(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    deal, _ = await stage(metadata_store, claim, a_deal(), an_account())
    assert deal.record.content == "sold to Acme"


async def test_a_record_shows_the_fallback_of_an_unknown_name(
    metadata_store: MetadataStore,
) -> None:
    await imported(metadata_store, a_deal())
    assert await content_of(metadata_store, a_deal()) == "sold to 001"


async def test_all_that_a_record_has_comes_back_with_its_names(
    metadata_store: MetadataStore,
) -> None:
    record = a_record(
        content=f"{ACME}: hello",
        title=f"{ACME} calls",
        author=ACME,
        metadata={"account": ACME, "amount": 5},
        segments=(Segment(0, len(ACME), {"speaker": "Ada"}),),
        group="day",
        names={KEY: "Acme", "other": "x"},
    )
    await imported(metadata_store, record)
    stored = (await metadata_store.records.get(record.record_id)).record
    assert (stored.content, stored.title, stored.author) == ("Acme: hello", "Acme calls", "Acme")
    assert stored.metadata == {"account": "Acme", "amount": 5}
    assert stored.segments == (Segment(0, 4, {"speaker": "Ada"}),)
    assert (stored.group, stored.names) == ("day", {KEY: "Acme", "other": "x"})


async def test_what_postgresql_cannot_hold_in_names_is_replaced(
    metadata_store: MetadataStore,
) -> None:
    odd = a_record(
        "odd", names={KEY: "Ac\x00me"}, segments=(Segment(0, 5, {"by": "\ud800"}),), group="\x00"
    )
    claim = await a_claim(metadata_store)
    _, deal = await stage(metadata_store, claim, odd, a_deal(at=90))
    stored = (await metadata_store.records.get(odd.record_id)).record
    assert deal.record.content == "sold to Ac\ufffdme"
    assert (stored.group, stored.segments[0].metadata) == ("\ufffd", {"by": "\ufffd"})


async def test_very_long_keys_are_told_apart(metadata_store: MetadataStore) -> None:
    keys = ["k" * 5000 + end for end in "ab"]
    await imported(metadata_store, a_record("names", names={key: key[-1] for key in keys}))
    asking = a_record("asks", "".join(reference(key, "?") for key in keys))
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), asking)
    assert staged.record.content == "ab"


async def test_a_name_that_comes_later_is_followed(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, a_deal())
    claim = await imported(metadata_store, an_account())
    assert await follow(metadata_store, claim.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to Acme"
    assert await follow(metadata_store, claim.file_id) == 0


async def test_time_address_and_readers_that_come_later_are_followed(
    metadata_store: MetadataStore,
) -> None:
    waiting = a_record(
        "transcript",
        metadata={MOMENT: reference("at", ""), READERS: reference("readers", "nobody")},
        url=reference("address", ""),
        timestamp=None,
        visibility=("nobody",),
    )
    await imported(metadata_store, waiting)
    told = {"at": "2025-05-01T09:00:00+00:00", "readers": "ada bo", "address": "https://x/1"}
    await followed(metadata_store, a_record("call", names=told, at=500))
    found = (await metadata_store.records.get(waiting.record_id)).record
    assert (found.timestamp, found.visibility, found.url, found.metadata) == (
        datetime(2025, 5, 1, 9, tzinfo=UTC),
        ("ada", "bo"),
        "https://x/1",
        {},
    )


async def test_a_name_that_changes_is_followed(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, an_account(version="1"), a_deal())
    await followed(metadata_store, an_account("Apex", version="2"))
    assert await content_of(metadata_store, a_deal()) == "sold to Apex"


async def test_a_name_that_its_publisher_drops_is_given_up(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, an_account(version="1"), a_deal())
    await followed(metadata_store, a_record("account", "no name any more", version="2"))
    assert await content_of(metadata_store, a_deal()) == "sold to 001"


async def test_a_blank_name_is_none(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, an_account(" "), a_deal())
    assert await content_of(metadata_store, a_deal()) == "sold to 001"


async def test_the_same_file_again_is_unchanged_whatever_names_came(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, a_deal())
    await followed(metadata_store, an_account())
    (staged,) = await stage(metadata_store, await a_claim(metadata_store), a_deal())
    assert (staged.outcome, staged.needs_embedding) == (Outcome.UNCHANGED, False)


async def test_the_newest_name_is_shown_in_whatever_order_they_come(
    metadata_store: MetadataStore,
) -> None:
    publishers = [
        an_account("old", "a", version="1"),
        an_account("new", "b", version="2"),
        an_account("middle", "c", version="15"),
    ]
    for number, order in enumerate(permutations(publishers)):
        deal = a_deal(f"deal {number}")
        for publisher in order:
            await followed(metadata_store, publisher)
        await followed(metadata_store, deal)
        assert await content_of(metadata_store, deal) == "sold to new"
        for claim in [one.file.file_id for one in await metadata_store.files.list()]:
            await metadata_store.files.transition(claim, ProcessingStatus.DELETING)
            await remove_all(metadata_store, claim)
    assert await metadata_store.records.count() == 0


async def test_of_names_of_one_version_the_smallest_record_id_decides(
    metadata_store: MetadataStore,
) -> None:
    publishers = sorted(
        (an_account(name, name) for name in ("p", "q", "r")), key=lambda one: one.record_id
    )
    await followed(metadata_store, *reversed(publishers[1:]), a_deal())
    assert await content_of(metadata_store, a_deal()) == f"sold to {publishers[1].native_id}"
    await followed(metadata_store, publishers[0])
    assert await content_of(metadata_store, a_deal()) == f"sold to {publishers[0].native_id}"


async def test_a_name_of_the_batch_yields_to_a_newer_one_that_is_stored(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, an_account("new", "a", version="2"))
    claim = await a_claim(metadata_store)
    old = an_account("old", "b", version="1")
    deal, _ = await stage(metadata_store, claim, a_deal(), old)
    assert deal.record.content == "sold to new"


async def test_the_same_name_under_a_greater_version_wins_from_then_on(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, an_account("a", "a", version="1"), a_deal())
    await followed(metadata_store, an_account("b", "b", version="2"))
    await followed(metadata_store, an_account("a", "a", version="3"))
    assert await content_of(metadata_store, a_deal()) == "sold to a"


@pytest.mark.parametrize(
    ("publisher", "reader", "is_shown"),
    [
        (("ada",), ("public",), False),
        (("ada",), ("ada",), True),
        (("ada", "bo"), ("ada",), True),
        (("ada",), ("ada", "bo"), False),
        (("public",), ("ada",), True),
    ],
)
@pytest.mark.parametrize("order", ["name first", "name in the batch", "name later"])
async def test_a_name_is_shown_only_to_those_who_may_see_its_publisher(
    metadata_store: MetadataStore,
    publisher: tuple[str, ...],
    reader: tuple[str, ...],
    is_shown: bool,
    order: str,
) -> None:
    account, deal = an_account(visibility=publisher), a_deal(visibility=reader)
    batches: list[Sequence[Record]] = [[account], [deal]]
    batches = [[account, deal]] if order == "name in the batch" else batches
    for batch in batches if order != "name later" else reversed(batches):
        await followed(metadata_store, *batch)
    shown = await content_of(metadata_store, deal)
    assert shown == ("sold to Acme" if is_shown else "sold to 001")


async def test_a_publisher_that_becomes_private_takes_its_name_back(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, an_account(version="1"), a_deal())
    await followed(metadata_store, an_account(version="2", visibility=("ada",)))
    assert await content_of(metadata_store, a_deal()) == "sold to 001"


async def test_redoing_a_slice_can_confirm_what_it_staged_before_a_name_came(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_deal())
    await followed(metadata_store, an_account())
    again = await stage(metadata_store, claim, a_deal())
    await confirm(metadata_store, claim, again)
    assert again[0].record.content == "sold to 001"
    assert await follow(metadata_store, claim.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to Acme"


async def test_what_an_import_has_in_hand_is_left_to_it(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_deal())
    account = await imported(metadata_store, an_account())
    assert await follow(metadata_store, account.file_id) == 0
    await confirm(metadata_store, claim, staged)
    assert await follow(metadata_store, claim.file_id) == 1


async def test_a_raise_while_showing_leaves_the_record_half_done(
    metadata_store: MetadataStore,
) -> None:
    """The index may hold the new text: the record is written again though the name went back."""
    await followed(metadata_store, an_account("old", version="1"), a_deal())
    claim = await imported(metadata_store, an_account("new", version="2"))
    renderings = await metadata_store.names.render(claim.file_id, [a_deal().record_id])
    with pytest.raises(OSError, match="index is gone"):
        async with metadata_store.names.showing(renderings, [1], model=MODEL):
            raise OSError("index is gone")
    assert await content_of(metadata_store, a_deal()) == "sold to old"
    await imported(metadata_store, an_account("old", version="3"))
    assert await follow(metadata_store, claim.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to old"


async def test_a_name_that_changes_while_records_are_embedded_is_not_missed(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, an_account("old", version="1"), a_deal())
    claim = await imported(metadata_store, an_account("new", version="2"))
    renderings = await metadata_store.names.render(claim.file_id, [a_deal().record_id])
    await imported(metadata_store, an_account("newest", version="3"))
    async with metadata_store.names.showing(renderings, [1], model=MODEL) as current:
        assert not current
    assert await follow(metadata_store, claim.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to newest"


async def test_a_record_that_an_import_takes_in_hand_meanwhile_is_not_written(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, a_deal())
    claim = await imported(metadata_store, an_account())
    renderings = await metadata_store.names.render(claim.file_id, [a_deal().record_id])
    newer = a_deal(version="2", metadata={"stage": "won"})
    await stage(metadata_store, await a_claim(metadata_store), newer)
    async with metadata_store.names.showing(renderings, [1], model=MODEL) as current:
        assert not current
    assert (await metadata_store.records.get(newer.record_id)).record.metadata["stage"] == "won"
    assert await follow(metadata_store, claim.file_id) == 0


async def test_many_who_follow_at_once_agree(metadata_store: MetadataStore) -> None:
    deals = [a_deal(f"deal {n}", at=1000 + 20 * n) for n in range(120)]
    await followed(metadata_store, *deals)
    claims = [
        await imported(metadata_store, an_account(f"name {n}", version=f"{n}")) for n in range(4)
    ]
    await asyncio.gather(*(follow(metadata_store, claim.file_id) for claim in claims))
    contents = {await content_of(metadata_store, deal) for deal in deals}
    assert contents == {"sold to name 3"}
    assert await metadata_store.records.audit() == []


async def test_a_name_that_a_thousand_records_show_is_followed_in_pages(
    metadata_store: MetadataStore,
) -> None:
    deals = [a_deal(f"deal {n}", at=1000 + 20 * n) for n in range(1000)]
    await followed(metadata_store, *deals)
    claim = await imported(metadata_store, an_account())
    pages = []
    async for page in metadata_store.names.stale(claim.file_id):
        pages.append(len(page))
        renderings = await metadata_store.names.render(claim.file_id, page)
        async with metadata_store.names.showing(renderings, [1] * len(page), model=MODEL):
            pass
    assert (sum(pages), max(pages)) == (1000, 50)


async def test_names_go_with_the_file_that_published_them(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, an_account("old", "a", version="1"))
    newer = await followed(metadata_store, an_account("new", "b", version="2"))
    await followed(metadata_store, a_deal())
    await metadata_store.files.transition(newer.file_id, ProcessingStatus.DELETING)
    await remove_all(metadata_store, newer.file_id)
    assert await follow(metadata_store, newer.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to old"


async def test_a_record_that_shows_names_no_more_is_left_alone(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, a_deal(version="1"))
    await followed(metadata_store, a_record("deal", "plain", version="2"))
    claim = await imported(metadata_store, an_account())
    assert await follow(metadata_store, claim.file_id) == 0
    assert await content_of(metadata_store, a_deal()) == "plain"


async def test_what_a_failed_file_has_left_to_do_falls_to_the_next(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, a_deal())
    failing = await a_claim(metadata_store)
    await stage(metadata_store, failing, an_account())
    await metadata_store.files.transition(failing.file_id, ProcessingStatus.FAILED, error="x")
    assert "shows no name for salesforce:001" in "".join(await metadata_store.records.audit())
    claim = await imported(metadata_store, a_record("other"))
    assert await follow(metadata_store, claim.file_id) == 1
    assert await content_of(metadata_store, a_deal()) == "sold to Acme"


async def test_chunks_of_a_text_that_was_never_shown_count_as_left_over(
    metadata_store: MetadataStore,
) -> None:
    await followed(metadata_store, a_deal())
    claim = await imported(metadata_store, an_account("Acme " * 100))
    for _ in range(2):
        (rendering,) = await metadata_store.names.render(claim.file_id, [a_deal().record_id])
    assert rendering.previous_chunk_count >= 500 // 16


async def test_the_audit_finds_names_that_are_out_of_date(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, a_deal())
    await imported(metadata_store, an_account())
    (problem,) = await metadata_store.records.audit()
    assert "shows no name for salesforce:001, which is called 'Acme' by now" in problem


async def test_the_audit_waits_for_imports_that_run(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, a_deal())
    claim = await a_claim(metadata_store)
    await confirm(metadata_store, claim, await stage(metadata_store, claim, an_account()))
    assert await metadata_store.records.audit() == []


async def test_the_audit_finds_records_that_are_half_done(metadata_store: MetadataStore) -> None:
    await followed(metadata_store, a_deal())
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, an_account())
    await confirm(metadata_store, claim, staged)
    await metadata_store.names.render(claim.file_id, [a_deal().record_id])
    await finish(metadata_store, claim, Ledger(read=1, indexed=1))
    assert any("was given other names" in one for one in await metadata_store.records.audit())
