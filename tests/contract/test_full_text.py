"""Contract of the search for words without the search index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from actors.adapters.postgres.full_text import ANY_WORD, WORDS
from domain.models.records import ContentType
from domain.models.search import Candidate, Scope, SearchFilter
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import a_record, imported

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
EVERYTHING = SearchFilter()


async def found(
    store: MetadataStore, text: str, where: SearchFilter = EVERYTHING, *, limit: int = 10
) -> list[Candidate]:
    matches = await store.full_text.search(text, limit=limit, where=where)
    return [match.read() for match in matches]


async def ids(store: MetadataStore, text: str, where: SearchFilter = EVERYTHING) -> set[str]:
    return {str(one.title) for one in await found(store, text, where)}


async def test_a_record_is_found_by_any_of_the_words(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks"), a_record("2", "oil prices"))
    (hit,) = await found(metadata_store, "leaking roof")
    assert hit.text == "the pump leaks"


async def test_a_record_with_more_of_the_words_comes_first(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1", "pump station"), a_record("2", "pump leaks"))
    assert [one.text for one in await found(metadata_store, "pump leaks")] == [
        "pump leaks",
        "pump station",
    ]


@pytest.mark.parametrize("asked", ["pump", "“pump”", "pump’s"])
@pytest.mark.parametrize("text", ["the “pump” leaks", "oil—pump—roof", "a pump’s roof", "→pump🚀"])
async def test_signs_beyond_ascii_keep_no_word_from_being_found(
    metadata_store: MetadataStore, text: str, asked: str
) -> None:
    await imported(metadata_store, a_record("1", text))
    assert [one.text for one in await found(metadata_store, asked)] == [text]


async def test_titles_are_searched_too(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1", "hello", title="Renewal of Acme"))
    assert await ids(metadata_store, "renewals") == {"Renewal of Acme"}


@pytest.mark.parametrize("text", ["", "the", "'", "a & | ! (", "\x00 nothing"], ids=repr)
async def test_a_text_without_words_finds_nothing(metadata_store: MetadataStore, text: str) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks"))
    assert await found(metadata_store, text) == []


async def test_a_long_record_shows_the_part_that_fits(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1", "word " * 5_000 + "the pump leaks"))
    (hit,) = await found(metadata_store, "pump")
    assert "pump" in hit.text
    assert len(hit.text) <= 2_000


async def test_a_record_of_any_length_can_be_stored(metadata_store: MetadataStore) -> None:
    words = " ".join(f"wörd{number:07}" for number in range(300_000))
    await imported(metadata_store, a_record("1", words))
    assert len(await found(metadata_store, "wörd0000001")) == 1


async def test_what_was_deleted_at_the_source_is_not_found(metadata_store: MetadataStore) -> None:
    await imported(metadata_store, a_record("1", "the pump leaks", version="1"))
    gone = a_record("1", "", version="2", content_type=ContentType.TOMBSTONE)
    await imported(metadata_store, gone)
    assert await found(metadata_store, "pump") == []


@pytest.mark.parametrize(
    "where",
    [
        SearchFilter(sources=("slack",)),
        SearchFilter(content_types=("message",)),
        SearchFilter(since=NOON),
        SearchFilter(until=NOON),
        SearchFilter(metadata={"channel": "sales"}),
        SearchFilter(metadata={"tags": "hot", "size": "3", "is_open": True}),
        SearchFilter(scope=Scope(principals=("anna",))),
    ],
    ids=["source", "content type", "since", "until", "metadata", "several", "scope"],
)
async def test_a_filter_keeps_what_satisfies_it(
    metadata_store: MetadataStore, where: SearchFilter
) -> None:
    wanted: dict[str, Any] = {
        "source_type": "slack" if where.sources else "csv",
        "content_type": ContentType.MESSAGE,
        "timestamp": NOON.replace(hour=11) if where.until else NOON,
        "metadata": {"channel": "sales", "tags": ["hot", "new"], "size": 3, "is_open": True},
        "visibility": ("anna", "ben"),
        "title": "wanted",
    }
    other: dict[str, Any] = {
        "content_type": ContentType.RECORD,
        "metadata": {"channel": "legal", "tags": ["cold"], "size": 3},
        "visibility": ("carl",),
        "title": "other",
    }
    records = [a_record("1", "pump", **wanted), a_record("2", "pump", **other)]
    await imported(metadata_store, *records)
    assert await ids(metadata_store, "pump", where) == {"wanted"}


async def test_the_words_have_an_index(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        query = f"EXPLAIN SELECT id FROM parsed_content WHERE {WORDS} @@ {ANY_WORD}"
        query = query.replace("$13", "$2")
        plan = await connection.fetch(query, "pump leaks", "")
    finally:
        await connection.close()
    assert any("idx_parsed_content_words" in row[0] for row in plan)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("契約", "来月の契約更新について"),
        ("猫", "黒い猫が好き"),
        ("合同", "我们签了合同。"),
        ("Haskell 型", "Haskellの型クラス"),
        ("ハスケル", "ﾊｽｹﾙ 入門"),
    ],
)
async def test_words_without_spaces_between_them_are_found(
    metadata_store: MetadataStore, asked: str, found: str
) -> None:
    corpus = [
        "来月の契約更新について",
        "黒い猫が好き",
        "我们签了合同。",
        "Haskellの型クラス",
        "ﾊｽｹﾙ 入門",
    ]
    records = [a_record(str(n), text, title=text) for n, text in enumerate(corpus)]
    await imported(metadata_store, *records)
    assert await ids(metadata_store, asked) == {found}


@pytest.mark.parametrize(
    "where",
    [
        SearchFilter(phrases=("pump leaks",)),
        SearchFilter(excluded=("spare",)),
        SearchFilter(authors=("ann",)),
        SearchFilter(places=("Sales",)),
        SearchFilter(metadata={"author": "Ann Lee"}),
    ],
    ids=["phrase", "excluded", "author", "place", "author as metadata"],
)
async def test_a_filter_looks_into_texts(
    metadata_store: MetadataStore, where: SearchFilter
) -> None:
    wanted = a_record(
        "1", "the pump\nleaks", author="Ann Lee", metadata={"channel": "sales"}, title="wanted"
    )
    other = a_record("2", "leaks: a spare pump", author="Joanne", title="other")
    await imported(metadata_store, wanted, other)
    assert await ids(metadata_store, "pump leaks", where) == {"wanted"}
