"""What every search index promises, asked of each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest

from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.errors import DimensionMismatchError
from domain.models.chunks import Chunk, EmbeddedChunk, Member
from domain.models.ids import FileId, RecordId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Candidate, Match, Scope, SearchFilter, Within
from domain.ports.search_index import SearchIndex
from domain.query_analysis import MAX_CONDITION_WORDS
from tests.weaviate_server import fresh_index

DIMENSION = 16
EVERYTHING = SearchFilter()
FILE = FileId(uuid5(NAMESPACE_OID, "file"))
OTHER_RECORD = RecordId(uuid5(NAMESPACE_OID, "other record"))
OTHER_FILE = FileId(uuid5(NAMESPACE_OID, "other file"))


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def embedded(
    text: str, *, seed: int = 0, position: int = 0, file_id: FileId = FILE, **fields: object
) -> EmbeddedChunk:
    values = {
        "source_type": "slack",
        "native_id": text,
        "content_type": ContentType.MESSAGE,
        "content": text,
        "place": Place(0, len(text)),
    }
    record = Record(**{**values, **fields})
    chunk_id = derive_chunk_id(record.record_id, position, "test")
    return EmbeddedChunk(Chunk(chunk_id, record, position, text, 0, len(text)), file_id, unit(seed))


def texts(matches: list[Match]) -> list[str]:
    return [match.read().text for match in matches]


async def stored_ids(index: SearchIndex) -> list[object]:
    async with aclosing(index.chunk_ids()) as pages:
        return [chunk_id async for page in pages for chunk_id in page]


async def keyword(index: SearchIndex, text: str, where: SearchFilter = EVERYTHING) -> list[str]:
    return texts(await index.search_keyword(text, limit=10, where=where))


@pytest.fixture(
    params=[
        "memory",
        "tantivy",
        pytest.param("weaviate", marks=pytest.mark.external_service),
    ]
)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    if request.param == "weaviate":
        async with fresh_index(DIMENSION) as opened:
            yield opened
        return
    if request.param == "memory":
        opened = InMemorySearchIndex(dimension=DIMENSION)
    else:
        opened = await TantivySearchIndex.open(tmp_path / "index", dimension=DIMENSION)
    yield opened
    await opened.close()


async def test_a_passage_comes_back_with_its_members_and_what_it_says_itself(
    index: SearchIndex,
) -> None:
    plain = embedded("ada: one\nbob: two")
    members = (Member(plain.chunk.record.record_id, 0, 3, 5), Member(OTHER_RECORD, 4, 7, 14))
    chunk = replace(plain.chunk, members=members, metadata={"speaker": ["ada", "bob"]})
    await index.upsert([replace(plain, chunk=chunk)])

    (found,) = await index.search_keyword(
        "two", limit=5, where=SearchFilter(metadata={"speaker": "bob"})
    )

    passage = found.read()
    assert (passage.members, passage.metadata["speaker"]) == (members, ["ada", "bob"])


async def test_an_empty_index_finds_nothing(index: SearchIndex) -> None:
    assert await index.search_vector(unit(1), limit=5, where=EVERYTHING) == []
    assert await keyword(index, "anything") == []
    assert await index.count() == 0
    assert await stored_ids(index) == []


async def test_upserting_the_same_chunk_twice_keeps_one_copy(index: SearchIndex) -> None:
    await index.upsert([embedded("pump"), embedded("valve")])
    await index.upsert([embedded("pump")])
    assert await index.count() == 2
    assert len(await stored_ids(index)) == 2


async def test_of_two_copies_in_one_call_the_last_wins(index: SearchIndex) -> None:
    old, new = (embedded("pump", native_id="1", title=title) for title in ("old", "new"))
    await index.upsert([old, new])
    [found] = await index.search_keyword("pump", limit=5, where=EVERYTHING)
    assert (found.read().title, await index.count()) == ("new", 1)


async def test_a_word_of_the_title_counts_for_more_than_one_of_the_text(
    index: SearchIndex,
) -> None:
    await index.upsert(
        [
            embedded("pump broken", native_id="1", title="valve"),
            embedded("valve broken today", native_id="2", title="pump"),
            embedded("pump broken", native_id="3", title="seal"),
        ]
    )
    assert (await keyword(index, "pump"))[0] == "valve broken today"


async def test_an_upsert_replaces_text_vector_and_filters(index: SearchIndex) -> None:
    await index.upsert([embedded("pump", native_id="1", seed=1, metadata={"a": 1})])
    await index.upsert([embedded("valve", native_id="1", seed=2, metadata={"a": 2})])
    assert await keyword(index, "pump") == []
    assert await keyword(index, "valve", SearchFilter(metadata={"a": 1})) == []
    [found] = await index.search_vector(unit(2), limit=5, where=EVERYTHING)
    assert (found.read().text, round(found.score, 3)) == ("valve", 1.0)


async def test_an_empty_upsert_or_delete_changes_nothing(index: SearchIndex) -> None:
    await index.upsert([embedded("pump")])
    await index.upsert([])
    await index.delete([])
    await index.reassign([], OTHER_FILE)
    assert await index.count() == 1


async def test_an_embedding_of_another_length_stops_the_whole_upsert(index: SearchIndex) -> None:
    odd = embedded("valve")
    odd = EmbeddedChunk(odd.chunk, odd.file_id, np.ones(3, dtype=np.float32))
    with pytest.raises(DimensionMismatchError):
        await index.upsert([embedded("pump"), odd])
    assert await index.count() == 0


async def test_a_query_embedding_of_another_length_is_refused(index: SearchIndex) -> None:
    with pytest.raises(DimensionMismatchError):
        await index.search_vector(np.ones(3, dtype=np.float32), limit=1, where=EVERYTHING)


async def test_deleted_chunks_are_not_found(index: SearchIndex) -> None:
    gone, kept = embedded("pump one"), embedded("pump two")
    await index.upsert([gone, kept])
    await index.delete([gone.chunk.chunk_id, embedded("never stored").chunk.chunk_id])
    assert await keyword(index, "pump") == ["pump two"]
    assert await stored_ids(index) == [kept.chunk.chunk_id]


async def test_reassigned_records_name_the_new_file_on_every_chunk(index: SearchIndex) -> None:
    parts = [embedded("pump", position=position) for position in range(3)]
    await index.upsert([*parts, embedded("pump other")])
    await index.reassign([parts[0].chunk.record.record_id], OTHER_FILE)
    found = await index.search_keyword("pump", limit=10, where=EVERYTHING)
    assert sorted((c.read().text, c.read().file_id == OTHER_FILE) for c in found) == [
        ("pump", True),
        ("pump", True),
        ("pump", True),
        ("pump other", False),
    ]


async def test_vectors_come_nearest_first_with_their_cosine(index: SearchIndex) -> None:
    await index.upsert([embedded(f"text {n}", seed=n) for n in range(30)])
    found = await index.search_vector(unit(7), limit=30, where=EVERYTHING)
    expected = sorted((float(unit(n) @ unit(7)) for n in range(30)), reverse=True)
    assert found[0].read().text == "text 7"
    assert [c.score for c in found] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("title", "heading"),
    [("#sales", "#sales"), ("#sales · Ada, Bob · 2026-03-01", "#sales"), (None, None)],
    ids=["title", "title of a passage", "no title"],
)
async def test_a_match_says_under_which_heading_it_stands(
    index: SearchIndex, title: str | None, heading: str | None
) -> None:
    await index.upsert([embedded("pump", title=title)])
    by_words = await index.search_keyword("pump", limit=1, where=EVERYTHING)
    by_vector = await index.search_vector(unit(0), limit=1, where=EVERYTHING)
    assert [match.heading for match in (*by_words, *by_vector)] == [heading, heading]


async def test_a_score_of_words_is_the_same_when_asked_of_some_chunks_alone(
    index: SearchIndex,
) -> None:
    chunks = [embedded(f"pump {'leaks ' * n}", seed=n) for n in range(5)]
    await index.upsert(chunks)
    await index.optimize()
    some = frozenset(each.chunk.chunk_id for each in chunks[2:4])
    among = SearchFilter(within=Within(records=frozenset(), chunks=some))
    everywhere = await index.search_keyword("leaks", limit=10, where=EVERYTHING)
    there = await index.search_keyword("leaks", limit=10, where=among)
    scores = {match.record_id: match.score for match in everywhere}
    assert len(there) == 2
    assert [match.score for match in there] == pytest.approx(
        [scores[match.record_id] for match in there]
    )


async def test_matches_by_vector_are_scored_by_words_as_if_found_by_them(
    index: SearchIndex,
) -> None:
    chunks = [embedded(f"pump {'leaks ' * n}", seed=n) for n in range(5)]
    await index.upsert(chunks[:3])
    await index.optimize()
    await index.upsert(chunks[3:])
    by_vector = await index.search_vector(unit(0), limit=10, where=EVERYTHING)
    by_words = await index.search_keyword("leaks", limit=10, where=EVERYTHING)
    scored = await index.score_keyword("leaks", by_vector)
    expected = {match.record_id: pytest.approx(match.score) for match in by_words}
    assert {match.record_id: match.score for match in scored} == expected
    assert len(expected) == 4


async def test_what_was_replaced_since_it_was_found_has_no_score_or_shows_what_was_found(
    index: SearchIndex,
) -> None:
    await index.upsert([embedded("the pump leaks", native_id="a")])
    found = await index.search_vector(unit(0), limit=10, where=EVERYTHING)
    await index.upsert([embedded("the pump leaks again", native_id="a")])
    scored = await index.score_keyword("leaks", found)
    assert {match.read().text for match in scored} <= {"the pump leaks"}


@pytest.mark.parametrize("text", ["", "...", "nothing of it"])
async def test_matches_without_any_of_the_words_have_no_score(
    index: SearchIndex, text: str
) -> None:
    await index.upsert([embedded("the pump leaks")])
    found = await index.search_vector(unit(0), limit=10, where=EVERYTHING)
    assert await index.score_keyword(text, found) == []


async def test_a_search_returns_at_most_limit_hits(index: SearchIndex) -> None:
    await index.upsert([embedded(f"pump {n}", seed=n) for n in range(8)])
    assert len(await index.search_vector(unit(1), limit=3, where=EVERYTHING)) == 3
    assert len(await index.search_keyword("pump", limit=3, where=EVERYTHING)) == 3


async def test_a_hit_shows_everything_that_its_record_had(index: SearchIndex) -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    chunk = embedded(
        "the pump leaks",
        title="Pümpe 💧",
        author="Ada",
        timestamp=moment,
        url="https://example.test/1",
        thread="t1",
        metadata={"channel": "general", "n": 3, "deep": {"list": [1, None]}},
    )
    await index.upsert([chunk])
    [found] = await index.search_keyword("leak", limit=1, where=EVERYTHING)
    record = chunk.chunk.record
    assert found.read() == Candidate(
        chunk_id=chunk.chunk.chunk_id,
        record_id=record.record_id,
        file_id=FILE,
        score=found.score,
        text="the pump leaks",
        source_type="slack",
        content_type="message",
        title=record.title,
        author="Ada",
        timestamp=moment,
        url=record.url,
        thread="t1",
        metadata=record.metadata,
        start=0,
        end=14,
    )


async def test_keywords_are_found_in_the_title(index: SearchIndex) -> None:
    await index.upsert([embedded("it leaks", title="Pump report")])
    assert await keyword(index, "pump") == ["it leaks"]


async def test_keywords_ignore_case_accents_and_inflection(index: SearchIndex) -> None:
    await index.upsert([embedded("Several PUMPS were leaking")])
    assert await keyword(index, "pump leaks") == ["Several PUMPS were leaking"]


async def test_any_of_the_words_suffices_and_more_of_them_rank_higher(index: SearchIndex) -> None:
    await index.upsert([embedded("pump alone"), embedded("pump valve"), embedded("nothing here")])
    assert await keyword(index, "pump valve unheard") == ["pump valve", "pump alone"]


@pytest.mark.parametrize(
    "text",
    [
        '"pump',
        "pump AND",
        "(pump OR",
        "+pump -",
        "pump:*",
        "pump~2 ^",
        "pump \\",
        "pump' OR '1'='1",
        '{"match": {"pump": 1}} pump',
        "💧 pump 💧",
        "pump\x00",
        "pump \ud800",
        "pump " + "x" * 10_000,
        "pump " + "word " * 2_000,
    ],
)
async def test_any_text_is_a_bag_of_words(index: SearchIndex, text: str) -> None:
    await index.upsert([embedded("the pump leaks"), embedded("unrelated")])
    assert (await keyword(index, text))[0] == "the pump leaks"


@pytest.mark.parametrize("text", ["", " \n\t", "the of and", "💧", '"', "()", "\ud800"])
async def test_a_text_without_words_finds_nothing(index: SearchIndex, text: str) -> None:
    await index.upsert([embedded("the pump leaks")])
    assert await keyword(index, text) == []


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


CORPUS = [
    embedded("pump a", seed=1, timestamp=day(1), metadata={"channel": "ops", "ok": True}),
    embedded("pump b", seed=2, timestamp=day(2), metadata={"channel": "dev", "tags": ["x", "y"]}),
    embedded("pump c", seed=3, source_type="csv", content_type=ContentType.RECORD),
    embedded("pump d", seed=4, timestamp=day(4), visibility=("alice", "bob's")),
    embedded("pump e", seed=5, timestamp=day(5), metadata={"n": 7, "quote": "it's; -- \\"}),
]


def within(*letters: str) -> Within:
    """Names the chunks whose texts end so."""
    chunks = [one.chunk for one in CORPUS if one.chunk.text[-1] in letters]
    records = frozenset(chunk.record.record_id for chunk in chunks)
    return Within(records, frozenset(chunk.chunk_id for chunk in chunks))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(SearchFilter(), "abcde", id="nothing asked"),
        pytest.param(SearchFilter(sources=("csv",)), "c", id="source"),
        pytest.param(SearchFilter(sources=("csv", "slack")), "abcde", id="sources"),
        pytest.param(SearchFilter(content_types=("record",)), "c", id="content type"),
        pytest.param(SearchFilter(since=day(2)), "bde", id="since is inclusive"),
        pytest.param(SearchFilter(until=day(4)), "ab", id="until is exclusive"),
        pytest.param(SearchFilter(since=day(2), until=day(5)), "bd", id="both bounds"),
        pytest.param(SearchFilter(metadata={"channel": "ops"}), "a", id="metadata"),
        pytest.param(SearchFilter(metadata={"ok": True}), "a", id="boolean metadata"),
        pytest.param(SearchFilter(metadata={"n": 7}), "e", id="number"),
        pytest.param(SearchFilter(metadata={"tags": "y"}), "b", id="list membership"),
        pytest.param(SearchFilter(metadata={"channel": "ops", "n": 7}), "", id="all must hold"),
        pytest.param(SearchFilter(metadata={"quote": "it's; -- \\"}), "e", id="quotes"),
        pytest.param(SearchFilter(sources=("x') OR ('1'='1",)), "", id="injection in a source"),
        pytest.param(SearchFilter(metadata={"a' OR 1=1 --": "b"}), "", id="injection in a key"),
        pytest.param(SearchFilter(metadata={"a": '\x00\n"`\ud800'}), "", id="odd characters"),
        pytest.param(SearchFilter(scope=Scope(("public",))), "abce", id="the public"),
        pytest.param(SearchFilter(scope=Scope(("alice", "eve"))), "d", id="one principal of two"),
        pytest.param(SearchFilter(scope=Scope(("bob's",))), "d", id="a principal with a quote"),
        pytest.param(SearchFilter(scope=Scope(())), "", id="nobody"),
        pytest.param(SearchFilter(within=within("b", "d")), "bd", id="within chunks"),
        pytest.param(SearchFilter(within=within()), "", id="within nothing"),
        pytest.param(SearchFilter(within=Within(frozenset(), None)), "abcde", id="too many"),
    ],
)
async def test_both_legs_keep_to_the_filter(
    index: SearchIndex, where: SearchFilter, expected: str
) -> None:
    await index.upsert(CORPUS)
    by_words = await index.search_keyword("pump", limit=10, where=where)
    by_vector = await index.search_vector(unit(1), limit=10, where=where)
    assert sorted(text[-1] for text in texts(by_words)) == list(expected)
    assert sorted(text[-1] for text in texts(by_vector)) == list(expected)


MANY_WORDS = " ".join(f"ασ{number}kß" for number in range(MAX_CONDITION_WORDS))

SPOKEN = [
    embedded("We offer an annual\n Discount, gladly", seed=1, author="Ann Lee", timestamp=day(1)),
    embedded("discount annual", seed=2, author="Joanne", metadata={"channel": "Sales"}),
    embedded(
        "annual discounts", seed=3, metadata={"speaker": ["bob", "ann.lee"], "channel_id": "C1"}
    ),
    embedded("annual (discount) for C++ [x]", seed=4, title="Draft", timestamp=day(4)),
    embedded("来月の契約更新について Haskellの型", seed=5, author="田中太郎", timestamp=day(3)),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        pytest.param(SearchFilter(phrases=("annual discount",)), "14", id="phrase"),
        pytest.param(SearchFilter(phrases=("ANNUAL",)), "1234", id="case"),
        pytest.param(SearchFilter(phrases=("annual disc",)), "", id="whole words"),
        pytest.param(SearchFilter(phrases=("annual", "c++")), "4", id="all of two phrases"),
        pytest.param(SearchFilter(phrases=("draft",)), "4", id="in the title"),
        pytest.param(SearchFilter(phrases=("契約更新",)), "5", id="no spaces between words"),
        pytest.param(SearchFilter(phrases=("haskell",)), "5", id="a word beside such"),
        pytest.param(SearchFilter(phrases=("++", "[x]")), "4", id="signs alone"),
        pytest.param(SearchFilter(phrases=("it's <b>\\ (",)), "", id="odd signs"),
        pytest.param(SearchFilter(phrases=(MANY_WORDS,)), "", id="as many words as may be"),
        pytest.param(SearchFilter(excluded=("draft", "joanne")), "1235", id="excluded word"),
        pytest.param(SearchFilter(excluded=("annual discount",)), "235", id="excluded phrase"),
        pytest.param(SearchFilter(authors=("ann",)), "13", id="the beginning of a name"),
        pytest.param(SearchFilter(authors=("Ann Lee",)), "13", id="a whole name"),
        pytest.param(SearchFilter(authors=("lee ann",)), "", id="words of a name in order"),
        pytest.param(SearchFilter(authors=(MANY_WORDS,)), "", id="a name of as many words"),
        pytest.param(SearchFilter(authors=("bob", "joanne")), "23", id="one of two authors"),
        pytest.param(SearchFilter(authors=("太郎",)), "5", id="part of a name without spaces"),
        pytest.param(SearchFilter(places=("sales",)), "2", id="a place in whatever case"),
        pytest.param(SearchFilter(places=("sale",)), "", id="a whole place"),
        pytest.param(SearchFilter(places=("c1", "sales")), "23", id="one of two places"),
        pytest.param(SearchFilter(authors=("ann",), phrases=("annual",)), "13", id="both"),
        pytest.param(SearchFilter(metadata={"author": "Ann Lee"}), "1", id="author as metadata"),
    ],
)
async def test_every_search_looks_into_texts_as_the_filter_asks(
    index: SearchIndex, where: SearchFilter, expected: str
) -> None:
    await index.upsert(SPOKEN)
    numbers = {chunk.chunk.text: str(n) for n, chunk in enumerate(SPOKEN, start=1)}
    by_vector = await index.search_vector(unit(1), limit=10, where=where)
    by_words = await index.search_keyword("annual 契約", limit=10, where=where)
    by_time = await index.newest(limit=10, where=where)
    found = [
        sorted(numbers[text] for text in texts(each)) for each in (by_vector, by_words, by_time)
    ]
    assert found == [list(expected)] * 3


async def test_what_is_found_brings_its_time_and_its_vector(index: SearchIndex) -> None:
    chunk = embedded("pump", seed=1, timestamp=day(1))
    await index.upsert([chunk])
    found = [
        *await index.search_vector(unit(1), limit=1, where=EVERYTHING),
        *await index.search_keyword("pump", limit=1, where=EVERYTHING),
        *await index.newest(limit=1, where=EVERYTHING),
    ]
    assert [match.timestamp for match in found] == [day(1)] * 3
    for match in found:
        assert match.vector == pytest.approx(chunk.embedding, abs=1e-3)


async def test_the_newest_come_first_and_what_has_no_time_last(index: SearchIndex) -> None:
    await index.upsert(CORPUS)
    found = await index.newest(limit=4, where=SearchFilter(metadata={}))
    assert [text[-1] for text in texts(found)] == ["e", "d", "b", "a"]
    assert found[0].score == day(5).timestamp()
    assert texts(await index.newest(limit=9, where=EVERYTHING))[-1] == "pump c"


async def test_of_equal_times_the_order_is_always_the_same(index: SearchIndex) -> None:
    await index.upsert([embedded(f"pump {n}", timestamp=day(1)) for n in range(20)])
    first = texts(await index.newest(limit=10, where=EVERYTHING))
    await index.optimize()
    assert texts(await index.newest(limit=20, where=EVERYTHING))[:10] == first


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("契約", "来月の契約更新について"),
        ("契約更新", "来月の契約更新について"),
        ("猫", "黒い猫が好き"),
        ("合同", "我们签了合同。"),
        ("Haskell", "Haskellの型クラス"),
        ("型クラス", "Haskellの型クラス"),
        ("ハスケル", "ﾊｽｹﾙ 入門"),
        ("계약", "계약을 갱신합니다"),
    ],
)
async def test_words_without_spaces_between_them_are_found(
    index: SearchIndex, asked: str, found: str
) -> None:
    corpus = [
        *("来月の契約更新について", "黒い猫が好き", "我们签了合同。", "Haskellの型クラス"),
        *("ﾊｽｹﾙ 入門", "계약을 갱신합니다", "the pump leaks"),
    ]
    await index.upsert([embedded(text, seed=n) for n, text in enumerate(corpus)])
    assert (await keyword(index, asked))[0] == found


async def test_a_filter_is_applied_before_the_limit(index: SearchIndex) -> None:
    await index.upsert([embedded(f"pump {n}", seed=1) for n in range(40)])
    await index.upsert([embedded("a much longer text on a pump", seed=2, source_type="csv")])
    where = SearchFilter(sources=("csv",))
    assert len(await index.search_keyword("pump", limit=2, where=where)) == 1
    assert len(await index.search_vector(unit(1), limit=2, where=where)) == 1


async def test_optimizing_leaves_the_answers_as_they_were(index: SearchIndex) -> None:
    await index.upsert(CORPUS)
    await index.delete([CORPUS[0].chunk.chunk_id])
    before = await index.search_vector(unit(2), limit=10, where=EVERYTHING)
    await index.optimize()
    await index.upsert([embedded("pump f", seed=6)])
    await index.refresh()
    after = await index.search_vector(unit(2), limit=10, where=EVERYTHING)
    assert after[0].read() == before[0].read()
    assert sorted(t[-1] for t in await keyword(index, "pump")) == list("bcdef")


async def test_chunks_are_fetched_by_id_as_hits_show_them_with_their_vectors(
    index: SearchIndex,
) -> None:
    await index.upsert(CORPUS)
    wanted = [CORPUS[0], CORPUS[4]]
    kept = await index.fetch([one.chunk.chunk_id for one in wanted])
    [hit] = await index.search_vector(unit(1), limit=1, where=EVERYTHING)
    by_text = {one.shown.text: one for one in kept}
    assert by_text["pump a"].shown == replace(hit.read(), score=0.0)
    assert sorted(by_text) == ["pump a", "pump e"]
    for one in wanted:
        np.testing.assert_allclose(by_text[one.chunk.text].embedding, one.embedding, atol=1e-6)


async def test_a_fetched_chunk_knows_the_text_that_was_embedded(index: SearchIndex) -> None:
    chunks = [embedded("pump", title="Hall three"), embedded("valve")]
    await index.upsert(chunks)
    kept = await index.fetch([one.chunk.chunk_id for one in chunks])
    texts_read = {one.embedding_text for one in kept}
    assert texts_read == {one.chunk.embedding_text for one in chunks}


async def test_absent_chunks_are_not_fetched(index: SearchIndex) -> None:
    present, gone = embedded("pump"), embedded("valve")
    await index.upsert([present, gone])
    await index.delete([gone.chunk.chunk_id])
    ids = [one.chunk.chunk_id for one in (present, gone, embedded("never"))]
    assert [one.shown.text for one in await index.fetch(ids)] == ["pump"]
    assert await index.fetch([]) == []


async def test_many_chunks_are_fetched_at_once(index: SearchIndex) -> None:
    many = [embedded(f"pump {n}", seed=n) for n in range(2_300)]
    await index.upsert(many)
    kept = await index.fetch([one.chunk.chunk_id for one in many])
    assert {one.shown.chunk_id for one in kept} == {one.chunk.chunk_id for one in many}


TOY = """the pump in hall three leaks oil
the valve of the second pump was replaced
renewal of the contract with the customer
the customer asked for a discount on the renewal
oil prices rise again this winter
meeting notes about the new office
the office pump of the coffee machine
discount codes for the winter sale""".splitlines()


async def test_every_implementation_ranks_a_toy_corpus_as_the_textbook_does(
    index: SearchIndex,
) -> None:
    memory = InMemorySearchIndex(dimension=DIMENSION)
    chunks = [embedded(text, seed=n) for n, text in enumerate(TOY)]
    for each in (memory, index):
        await each.upsert(chunks)
    for text in ("customer discount", "oil pump", "winter sale", "renewal of contracts"):
        assert (await keyword(memory, text))[:2] == (await keyword(index, text))[:2], text
    for seed in (3, 100, 200):
        found = [
            texts(await each.search_vector(unit(seed), limit=8, where=EVERYTHING))
            for each in (memory, index)
        ]
        assert found[0] == found[1]
