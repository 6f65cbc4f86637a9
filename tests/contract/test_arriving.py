"""Contract of the search for records that are on their way into the index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from domain.models.records import ContentType
from domain.models.search import Match, Scope, SearchFilter
from domain.ports.metadata_store import MetadataStore
from domain.ports.passage_groups import ComposedGroup
from tests.store_builders import MODEL, a_claim, a_record, confirm, imported, remove_all, stage

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
EVERYTHING = SearchFilter()


async def matches(
    store: MetadataStore,
    text: str,
    where: SearchFilter = EVERYTHING,
    *,
    seen: datetime | None = None,
) -> list[Match]:
    return list(await store.arriving.search(text, limit=10, where=where, seen=seen))


async def found(store: MetadataStore, text: str, where: SearchFilter = EVERYTHING) -> list[str]:
    """By those whose view of the index is of this moment."""
    now = (await store.arriving.look(seen=None)).now
    return [match.read().text for match in await matches(store, text, where, seen=now)]


async def are_any(store: MetadataStore) -> bool:
    return (await store.arriving.look(seen=None)).are_any


async def let_time_pass(dsn: str) -> None:
    """As if all that was written had been written an hour ago."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("UPDATE parsed_content SET updated_at = now() - interval '1 hour'")
        await connection.execute("UPDATE passage_groups SET written_at = now() - interval '1 hour'")
    finally:
        await connection.close()


async def test_a_staged_record_is_found_by_any_of_its_words(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "the pump leaks"), a_record("2", "oil prices"))

    (match,) = await matches(metadata_store, "leaking roof")

    assert match.read().text == "the pump leaks"
    assert match.is_new


async def test_the_score_is_the_share_of_the_words_that_a_record_has(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "pump station"), a_record("2", "a pump leaks"))

    scores = [match.score for match in await matches(metadata_store, "pump leaks")]

    assert scores == pytest.approx([1.0, 0.5])


async def test_a_record_that_the_index_has_is_found_for_those_who_look_at_an_older_index(
    metadata_store: MetadataStore,
) -> None:
    before = (await metadata_store.arriving.look(seen=None)).now
    await imported(metadata_store, a_record("1", "the pump leaks"))

    at_once = [match.is_new for match in await matches(metadata_store, "pump", seen=before)]

    assert (at_once, await found(metadata_store, "pump")) == ([False], [])


async def test_a_changed_record_arrives_with_its_present_words_alone(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks", version="1"))
    await let_time_pass(postgres_dsn)
    claim = await a_claim(metadata_store)

    await stage(metadata_store, claim, a_record("1", "the valve is shut", version="2"))

    assert await found(metadata_store, "pump") == []
    assert await found(metadata_store, "valve") == ["the valve is shut"]


async def test_a_record_that_comes_again_unchanged_does_not_arrive(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks"))
    await let_time_pass(postgres_dsn)
    await metadata_store.arriving.sweep()

    await stage(metadata_store, await a_claim(metadata_store), a_record("1", "the pump leaks"))

    assert not await are_any(metadata_store)


async def test_a_record_that_is_deleted_at_the_source_arrives_no_more(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "the pump leaks", version="1"))

    gone = a_record("1", "", version="2", content_type=ContentType.TOMBSTONE)
    await stage(metadata_store, claim, gone)

    assert await found(metadata_store, "pump") == []


async def test_a_removed_record_arrives_no_more(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "the pump leaks"))

    await remove_all(metadata_store, claim.file_id)

    assert not await are_any(metadata_store)


async def test_a_message_arrives_until_its_groups_passages_are_written(
    metadata_store: MetadataStore,
) -> None:
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("1", "the pump leaks", group="day"))
    await confirm(metadata_store, claim, staged, chunks=0)
    before = (await metadata_store.arriving.look(seen=None)).now
    new = [match.is_new for match in await matches(metadata_store, "pump", seen=before)]

    (group,) = await metadata_store.groups.stale(claim.file_id, after=None, limit=10)
    composed = [ComposedGroup(group.group_id, group.revision, 1)]
    async with metadata_store.groups.writing(composed, model=MODEL):
        pass
    written = [match.is_new for match in await matches(metadata_store, "pump", seen=before)]

    assert (new, written, await found(metadata_store, "pump")) == ([True], [False], [])


async def test_staging_again_after_a_sweep_lets_what_the_index_lacks_arrive_again(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    claim = await a_claim(metadata_store)
    record = a_record("1", "the pump leaks")
    await stage(metadata_store, claim, record)
    await _forget_all(postgres_dsn)

    await stage(metadata_store, claim, record)

    assert await found(metadata_store, "pump") == ["the pump leaks"]


async def test_a_sweep_forgets_what_has_arrived_and_nothing_else(
    metadata_store: MetadataStore, postgres_dsn: str
) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks"))
    await let_time_pass(postgres_dsn)
    await stage(metadata_store, await a_claim(metadata_store), a_record("2", "a pump sings"))
    await imported(metadata_store, a_record("3", "the pump was mended"))

    swept = [await metadata_store.arriving.sweep(), await metadata_store.arriving.sweep()]

    assert swept == [1, 0]
    assert len(await matches(metadata_store, "pump")) == 2


async def test_whoever_looks_hears_whether_any_record_arrives_and_whether_it_is_new(
    metadata_store: MetadataStore,
) -> None:
    arriving = metadata_store.arriving
    nothing = await arriving.look(seen=None)
    claim = await a_claim(metadata_store)
    staged = await stage(metadata_store, claim, a_record("1", "the pump leaks"))
    staged_only = await arriving.look(seen=nothing.now)
    await confirm(metadata_store, claim, staged)

    indexed = await arriving.look(seen=staged_only.now)
    seen = await arriving.look(seen=indexed.now)

    looks = [nothing, staged_only, indexed, seen]
    assert [each.are_any for each in looks] == [False, True, True, False]
    assert [each.are_new for each in looks] == [False, True, False, False]


@pytest.mark.parametrize("text", ["", "the", "'", "a & | ! (", "\x00 nothing"], ids=repr)
async def test_a_text_without_words_finds_nothing(metadata_store: MetadataStore, text: str) -> None:
    await stage(metadata_store, await a_claim(metadata_store), a_record("1", "the pump leaks"))
    assert await matches(metadata_store, text) == []


@pytest.mark.parametrize(
    "where",
    [
        SearchFilter(sources=("slack",)),
        SearchFilter(content_types=("message",)),
        SearchFilter(since=NOON),
        SearchFilter(metadata={"channel": "sales"}),
        SearchFilter(scope=Scope(principals=("anna",))),
        SearchFilter(phrases=("pump leaks",)),
        SearchFilter(excluded=("spare",)),
        SearchFilter(authors=("ann",)),
        SearchFilter(places=("Sales",)),
    ],
    ids=["source", "type", "since", "metadata", "scope", "phrase", "excluded", "author", "place"],
)
async def test_a_filter_keeps_what_satisfies_it(
    metadata_store: MetadataStore, where: SearchFilter
) -> None:
    wanted: dict[str, Any] = {
        "source_type": "slack" if where.sources else "csv",
        "content_type": ContentType.MESSAGE,
        "timestamp": NOON,
        "author": "Ann Lee",
        "metadata": {"channel": "sales"},
        "visibility": ("anna", "ben"),
    }
    other: dict[str, Any] = {"metadata": {"channel": "legal"}, "visibility": ("carl",)}
    claim = await a_claim(metadata_store)
    records = (
        a_record("1", "the pump leaks", **wanted),
        a_record("2", "leaks: a spare pump", **other),
    )
    await stage(metadata_store, claim, *records)

    assert await found(metadata_store, "pump leaks", where) == ["the pump leaks"]


async def test_words_without_spaces_between_them_are_found(metadata_store: MetadataStore) -> None:
    claim = await a_claim(metadata_store)
    await stage(metadata_store, claim, a_record("1", "来月の契約更新"), a_record("2", "黒い猫"))

    assert await found(metadata_store, "契約") == ["来月の契約更新"]


async def _forget_all(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DELETE FROM arriving_records")
    finally:
        await connection.close()
