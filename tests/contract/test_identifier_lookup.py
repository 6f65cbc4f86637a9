"""Contract of the lookup by identifiers."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest

from actors.adapters.postgres.full_text import WORDS
from actors.adapters.postgres.identifier_lookup import BARE_URL, FIELDS
from domain.identifiers import identifiers_in
from domain.models.records import Record
from domain.models.search import Scope, SearchFilter
from domain.ports.metadata_store import MetadataStore
from tests.store_builders import a_record, imported

EVERYTHING = SearchFilter()
ACCOUNT = "0015g00000XYZabAAH"
MANY = "&".join(f"p{n}={n}" for n in range(12))
LINK = "https://acme.slack.com/archives/C024BE7LR/p1700000000000100"


async def found(
    store: MetadataStore, text: str, where: SearchFilter = EVERYTHING, *, limit: int = 10
) -> list[tuple[str | None, float]]:
    matches = await store.identifiers.find(
        identifiers_in(text), text=text, limit=limit, where=where
    )
    return [(match.read().title, match.score) for match in matches]


def titled(title: str, content: str = "nothing", **fields: object) -> Record:
    return a_record(title, content, title=title, **fields)


@pytest.mark.parametrize("written", [ACCOUNT, ACCOUNT[:15]])
async def test_the_record_that_an_id_names_comes_before_those_that_refer_to_it(
    metadata_store: MetadataStore, written: str
) -> None:
    await imported(
        metadata_store,
        titled("mentions it", f"see {ACCOUNT[:15]}."),
        titled("refers to it", metadata={"AccountId": ACCOUNT}),
        titled("is it", metadata={"Id": ACCOUNT}),
        titled("another case", f"see {ACCOUNT[:15].lower()}"),
        titled("another id", metadata={"Id": "0015g00000XYZacAAH"}),
    )
    assert await found(metadata_store, written) == [
        ("is it", 3.0),
        ("refers to it", 2.0),
        ("mentions it", 1.0),
    ]


@pytest.mark.parametrize(
    ("asked", "content", "is_there"),
    [
        ("00001026", "Case 00001026 is open", True),
        ("case 1026", "Case 00001026 is open", True),
        ("00001026", "number 100001026", False),
        ("00001026", "00001026-7", False),
        ("ada@example.org", "write to Ada@Example.org.", True),
        ("ada@example.org", "write to ada@example.org.uk", False),
        ("ada@example.org", "write to xada@example.org", False),
        ("https://a.example/b/c?x=1", "look at http://www.a.example/b/c?x=1, please", True),
        ("https://a.example/b/c?utm_source=x", "look at (https://a.example/b/c/)", True),
        ("https://a.example/b/c", "look at https://a.example/b/c/d", False),
        ("https://a.example/b/c", "これと、https://a.example/b/cです。", True),
        ("https://a.example/b/c", "look at <https://a.example/b/c#part>", True),
        ("https://a.example/b/c", "look at https://a.example/b/c?utm_source=x&utm_medium=y", True),
        ("https://a.example/b?x=1&utm_source=x", "<https://a.example/b?utm_source=x&x=1>", True),
        ("https://a.example/b?x=1&y=2", "at www.a.example/b?x=1&gclid=7&y=2.", True),
        ("http://a.example:ada/repo", "clone http://a.example:ada/repo now", True),
        ("https://a.example:8080/b", "at https://a.example:8080/b", True),
        (f"https://a.example/b?{MANY}&z=9", f"<https://a.example/b?{MANY}&utm_id=7&z=9>", True),
        ("https://a.example/b?x=1", "look at https://a.example/b?x=1&y=2", False),
        ("https://a.example/b?utm_source=x", "https://a.example/b?utm_source=x&y=2", False),
        ("https://a.example/b//", "look at <https://a.example/b//>", True),
        ("https://a.example/b?x=", "look at <https://a.example/b?x=#>", True),
        ("https://a.example/b_(c)", "look at https://a.example/b_(c), please", True),
        ("https://a.example/圏論", "look at https://a.example/圏論", True),
        ("https://a.example/圏論", "look at https://a.example/論圏", False),
        (f"https://a.example/{'%E3' * 250}", f"at <https://a.example/{'%E3' * 250}>", True),
        (f"https://a.example/{'%E3' * 250}", f"at <https://a.example/{'%E3' * 249}>", False),
        ("https://a.example", "look at ‘https://a.example’?", True),
        ("ada@example.org", "write to “ada@example.org”—or not", True),
        ("00001026", "about „00001026“", True),
        ("ABC-123", "fixed in “ABC-123”: at last", True),
        ("ABC-123", "fixed in ABC-123: at last", True),
        ("ABC-123", "fixed in ABC-1234", False),
        ("7782342274025937895", "the call 7782342274025937895", True),
    ],
)
async def test_a_text_has_an_identifier_only_as_a_whole(
    metadata_store: MetadataStore, asked: str, content: str, is_there: bool
) -> None:
    await imported(metadata_store, titled("text", content))
    assert await found(metadata_store, asked) == ([("text", 1.0)] if is_there else [])


@pytest.mark.parametrize(
    "asked",
    [LINK, f"{LINK}/", LINK.replace("https", "http"), f"{LINK}?thread_ts=1.0&cid=C024BE7LR"],
)
async def test_a_permalink_finds_its_message(metadata_store: MetadataStore, asked: str) -> None:
    message = a_record("C024BE7LR:1700000000.000100", "hello", title="message", url=LINK)
    await imported(metadata_store, message, titled("other", url=f"{LINK}0"))
    assert await found(metadata_store, asked) == [("message", 3.0)]


@pytest.mark.parametrize("channel", ["C024BE7LR", "ch-force-a05f2f"], ids=["slack", "converted"])
async def test_a_permalink_finds_a_message_whose_address_is_not_known(
    metadata_store: MetadataStore, channel: str
) -> None:
    await imported(metadata_store, a_record(f"{channel}:1700000000.000100", "hello", title="it"))
    asked = LINK.replace("C024BE7LR", channel)
    assert await found(metadata_store, asked) == [("it", 3.0)]


async def test_a_link_of_a_call_finds_the_call_and_its_transcript(
    metadata_store: MetadataStore,
) -> None:
    await imported(
        metadata_store,
        a_record("call:7782342274025937895", "a call", title="call"),
        titled("transcript", metadata={"call_id": "7782342274025937895"}),
    )
    asked = "https://us-1.gong.io/call?id=7782342274025937895"
    assert await found(metadata_store, asked) == [("call", 6.0), ("transcript", 2.0)]


async def test_a_long_record_shows_the_identifier_whole(metadata_store: MetadataStore) -> None:
    others = "".join(f" https://a.example/pull/{n}" for n in range(60, 140))
    asked = "https://a.example/pull/7"
    await imported(metadata_store, titled("it", f"{others} and {'so on ' * 30}{asked} {others}"))
    [match] = await metadata_store.identifiers.find(
        identifiers_in(asked), text=asked, limit=10, where=EVERYTHING
    )
    assert f" {asked} " in match.read().text


async def test_of_equals_the_one_with_more_of_the_words_comes_first(
    metadata_store: MetadataStore,
) -> None:
    await imported(
        metadata_store,
        titled("a", "ABC-123 is done"),
        titled("b", "the pump of ABC-123 leaks"),
        titled("c", "ABC-123 again"),
    )
    assert (await found(metadata_store, "pump leaks ABC-123"))[0] == ("b", 1.0)


async def test_a_record_with_both_identifiers_comes_first(metadata_store: MetadataStore) -> None:
    await imported(
        metadata_store,
        titled("one", "ABC-123"),
        titled("both", "ABC-123 and DEF-456"),
        titled("other", "DEF-456"),
    )
    assert (await found(metadata_store, "ABC-123 DEF-456"))[0] == ("both", 2.0)


@pytest.mark.parametrize(
    "where",
    [
        SearchFilter(sources=("slack",)),
        SearchFilter(scope=Scope(("anna",))),
        SearchFilter(phrases=("pump leaks",)),
        SearchFilter(metadata={"channel": "sales"}),
    ],
    ids=["source", "scope", "phrase", "metadata"],
)
async def test_a_filter_keeps_what_satisfies_it(
    metadata_store: MetadataStore, where: SearchFilter
) -> None:
    await imported(
        metadata_store,
        titled(
            "wanted",
            "ABC-123: pump leaks",
            source_type="slack",
            visibility=("anna",),
            metadata={"channel": "sales"},
        ),
        titled("other", "ABC-123", visibility=("carl",)),
    )
    assert await found(metadata_store, "ABC-123", where) == [("wanted", 1.0)]


@pytest.mark.parametrize(
    "asked", ["ABC-1\x00", "https://[", "https://\ud800.x/y", "#123 ''"], ids=repr
)
async def test_odd_queries_find_nothing(metadata_store: MetadataStore, asked: str) -> None:
    await imported(metadata_store, titled("text", "the pump leaks"))
    assert await found(metadata_store, asked) == []


async def test_a_common_identifier_does_not_hide_what_it_names(
    metadata_store: MetadataStore,
) -> None:
    mentions = [titled(f"m{n}", f"about {ACCOUNT}") for n in range(1_100)]
    await imported(metadata_store, *mentions, titled("it", metadata={"Id": ACCOUNT}))
    assert (await found(metadata_store, ACCOUNT))[0] == ("it", 3.0)


class CountingExecutor(ThreadPoolExecutor):
    """Counts what it is given to do."""

    given = 0

    def submit(self, *args: Any, **options: Any) -> Future[Any]:
        self.given += 1
        return super().submit(*args, **options)


@pytest.mark.parametrize(("words", "threads"), [(10, 0), (20_000, 1)], ids=["short", "long"])
async def test_much_text_is_looked_at_away_from_the_event_loop(
    metadata_store: MetadataStore, words: int, threads: int
) -> None:
    await imported(metadata_store, titled("it", "ABC-123 pump " * words))
    executor = CountingExecutor()
    asyncio.get_running_loop().set_default_executor(executor)
    assert await found(metadata_store, "pump ABC-123") == [("it", 1.0)]
    assert executor.given == threads


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        (f"{WORDS} @@ 'x'::tsquery", "words"),
        (f"{FIELDS} @@ 'x'::tsquery", "fields"),
        (f"url IS NOT NULL AND {BARE_URL} = ANY('{{x}}'::text[])", "url"),
        ("content_type = ANY('{message}'::text[]) AND source_id = ANY('{x}'::text[])", "source"),
    ],
)
async def test_every_way_to_a_record_has_an_index(
    postgres_dsn: str, condition: str, index: str
) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN SELECT id FROM parsed_content WHERE {condition}")
    finally:
        await connection.close()
    assert any(f"idx_parsed_content_{index}" in row[0] for row in plan)
