"""What the engine makes of what a query says, and how it pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import pytest

from actors.adapters.memory.clock import FakeClock
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.blend_options import BlendOptions, FusionMethod
from domain.errors import InvalidQueryError, StoreUnavailableError
from domain.models.analysis import Identifier
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Answer, Match, Query, SearchFilter, SearchMode
from pipelines.querying import QueryEngine
from pipelines.understanding import UnderstandingEngine

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
FILE = FileId(uuid5(NAMESPACE_OID, "file"))


def record(text: str, **fields: object) -> Record:
    return Record("slack", text, ContentType.MESSAGE, text, Place(0, 1), **fields)


CORPUS = (
    record("the pump in hall three leaks", author="Ann Lee", timestamp=NOW - timedelta(1)),
    record("a pump was replaced", author="Bob", timestamp=NOW - timedelta(2)),
    record("the leaks of the old pump", author="Joanne", timestamp=NOW - timedelta(9)),
    record("renewal of the contract for ABC-123"),
)


async def index_of(records: Sequence[Record]) -> InMemorySearchIndex:
    index = InMemorySearchIndex(dimension=16)
    vectors = HashEmbedder(dimension=16).embed([one.content for one in records])
    await index.upsert(
        [
            EmbeddedChunk(
                Chunk(derive_chunk_id(one.record_id, 0, "test"), one, 0, one.content, 0, 1),
                FILE,
                vector,
            )
            for one, vector in zip(records, vectors, strict=True)
        ]
    )
    return index


class Lookup:
    """Finds the records that have the first identifier as a word."""

    def __init__(self, records: Sequence[Record] = CORPUS, *, is_away: bool = False) -> None:
        self._records = records
        self._is_away = is_away

    async def find(
        self, identifiers: Sequence[Identifier], *, text: str, limit: int, where: SearchFilter
    ) -> list[Match]:
        if self._is_away:
            raise StoreUnavailableError("away")
        found = await (await index_of(self._records)).newest(limit=limit, where=where)
        word = identifiers[0].spellings[0]
        return [match for match in found if word in match.read().text.split()]


async def engine(records: Sequence[Record] = CORPUS, **options: object) -> UnderstandingEngine:
    made = QueryEngine(await index_of(records), HashEmbedder(dimension=16), **options)
    return UnderstandingEngine(made, FakeClock(NOW))


def texts(answer: Answer) -> list[str]:
    return [hit.candidate.text for hit in answer.hits]


@pytest.mark.parametrize("mode", SearchMode)
async def test_a_quoted_phrase_is_in_every_hit(mode: SearchMode) -> None:
    answer = await (await engine()).answer(Query('"pump was" leaks', mode))
    assert texts(answer) == ["a pump was replaced"]


async def test_operators_narrow_both_legs() -> None:
    answer = await (await engine()).answer(Query("pump from:ann after:last week"))
    assert texts(answer) == ["the pump in hall three leaks"]


async def test_operators_alone_bring_the_newest_first() -> None:
    answer = await (await engine()).answer(Query('since:2026-01-01 -"replaced"'))
    assert texts(answer) == [CORPUS[0].content, CORPUS[2].content]
    assert [part.leg for part in answer.hits[0].contributions] == ["newest"]


@pytest.mark.parametrize(
    "options",
    [
        BlendOptions(source_weights={"gong": 3.0}),
        BlendOptions(diversity=1.0),
        BlendOptions(recency=9.0, source_half_life_days={"slack": 0.1}),
        BlendOptions(FusionMethod.RECIPROCAL_RANK, calibration=1.0),
    ],
    ids=["weights", "diversity", "recency", "calibration"],
)
async def test_nothing_moves_what_is_newest(options: BlendOptions) -> None:
    mixed = [
        replace(one, source_type=("slack", "slack", "gong")[n % 3]) for n, one in enumerate(MANY)
    ]
    asking = await engine(mixed, clock=FakeClock(NOW))
    answer = await asking.answer(Query("since:2020"), options)
    assert texts(answer) == [one.content for one in MANY[:10]]


async def test_a_plain_text_has_no_operators() -> None:
    answer = await (await engine()).answer(Query('"pump was" from:ann', is_plain=True))
    assert len(answer.hits) == len(CORPUS)


async def test_the_answer_says_what_was_understood() -> None:
    answer = await (await engine()).answer(Query("pump from:ann on:yesterday"))
    assert answer.analysis is not None
    assert (answer.analysis.text, answer.analysis.authors) == ("pump", ("ann",))
    assert answer.analysis.since == datetime(2026, 3, 10, tzinfo=UTC)


async def test_days_are_those_of_the_askers_time_zone() -> None:
    answer = await (await engine()).answer(Query("on:today", time_zone="Asia/Tokyo"))
    assert answer.analysis is not None
    assert answer.analysis.since == datetime(2026, 3, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Nowhere/Town", "../etc/passwd", "", "CEST"])
async def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidQueryError, match="no time zone"):
        await (await engine()).answer(Query("pump", time_zone=name))


async def test_what_has_the_identifier_comes_before_what_fits_better() -> None:
    asking = await engine(identifiers=Lookup())
    answer = await asking.answer(Query("does the pump in hall three leak? ABC-123"))
    assert texts(answer)[0] == CORPUS[3].content
    assert "identifier" in {part.leg for part in answer.hits[0].contributions}


async def test_an_identifier_that_nothing_has_leaves_the_scores_as_they_were() -> None:
    with_lookup = await (await engine(identifiers=Lookup())).answer(Query("pump XYZ-9"))
    without = await (await engine()).answer(Query("pump XYZ-9"))
    assert [hit.score for hit in with_lookup.hits] == [hit.score for hit in without.hits]


async def test_a_lookup_that_is_away_is_named() -> None:
    answer = await (await engine(identifiers=Lookup(is_away=True))).answer(Query("ABC-123"))
    assert answer.degraded == ("identifier",)
    assert answer.hits


MANY = tuple(
    record(f"pump {number} {'leaks ' * (number % 7)}", timestamp=NOW - timedelta(number))
    for number in range(60)
)


async def pages(asking: UnderstandingEngine, query: Query) -> list[list[str]]:
    found = []
    while True:
        answer = await asking.answer(query)
        found.append(texts(answer))
        if answer.next_cursor is None:
            return found
        query = replace(query, cursor=answer.next_cursor)


@pytest.mark.parametrize("text", ["pump leaks", "since:2020"])
@pytest.mark.parametrize("mode", SearchMode)
async def test_pages_have_every_hit_once(text: str, mode: SearchMode) -> None:
    asking = await engine(MANY, candidates_per_leg=10)
    found = await pages(asking, Query(text, mode, limit=7))
    shown = [text for page in found for text in page]
    assert len(shown) == len(set(shown)) == len(MANY)
    assert {len(page) for page in found[:-1]} == {7}


REPEATED = (
    *(
        Record("slack", f"again {n}", ContentType.MESSAGE, "pump again", Place(0, 1))
        for n in range(20)
    ),
    *MANY,
)


@pytest.mark.parametrize("candidates", [10, 100])
@pytest.mark.parametrize("text", ["pump again", "type:message"])
async def test_pages_are_full_though_hits_are_folded(text: str, candidates: int) -> None:
    asking = await engine(REPEATED, candidates_per_leg=candidates)
    found = await pages(asking, Query(text, limit=5))
    shown = [text for page in found for text in page]
    assert {len(page) for page in found[:-1]} == {5}
    assert len(shown) == len(set(shown))
    assert set(shown) == {one.content for one in REPEATED}


async def test_pages_of_other_lengths_go_through_the_same_ranking() -> None:
    asking = await engine(MANY, candidates_per_leg=10)
    first = await asking.answer(Query("pump leaks", limit=5))
    rest = await pages(asking, Query("pump leaks", limit=9, cursor=first.next_cursor))
    by_fives = await pages(asking, Query("pump leaks", limit=5))
    assert texts(first) + [t for page in rest for t in page] == [t for p in by_fives for t in p]


async def test_the_last_page_leads_nowhere() -> None:
    answer = await (await engine()).answer(Query("since:2026-01-01", limit=3))
    assert (len(answer.hits), answer.next_cursor) == (3, None)


@pytest.mark.parametrize(
    "other",
    [
        Query("pump"),
        Query("pump leaks", SearchMode.KEYWORD),
        Query("pump leaks", where=SearchFilter(sources=("gong",))),
    ],
    ids=["text", "mode", "filter"],
)
async def test_a_cursor_belongs_to_its_question(other: Query) -> None:
    asking = await engine(MANY)
    cursor = (await asking.answer(Query("pump leaks"))).next_cursor
    with pytest.raises(InvalidQueryError, match="another question"):
        await asking.answer(replace(other, cursor=cursor))


@pytest.mark.parametrize("is_plain", [True, False])
async def test_a_cursor_leads_on_in_an_equal_question(is_plain: bool) -> None:
    asking = await engine(MANY)
    one = SearchFilter(sources=("slack", "csv"), since=NOW - timedelta(90))
    other = replace(one, sources=("csv", "slack", "csv"))
    query = Query("pump  leaks", where=one, is_plain=is_plain)
    first = await asking.answer(query, BlendOptions(leg_weights={"vector": 1, "keyword": 2}))
    query = replace(query, text=" pump leaks", where=other, cursor=first.next_cursor)
    second = await asking.answer(query, BlendOptions(leg_weights={"keyword": 2, "vector": 1}))
    assert not set(texts(first)) & set(texts(second))


async def test_a_page_says_that_the_index_has_changed() -> None:
    generation = "1"
    asking = await engine(MANY, generation=lambda: generation)
    first = await asking.answer(Query("pump leaks"))
    generation = "2"
    second = await asking.answer(Query("pump leaks", cursor=first.next_cursor))
    assert (first.index_changed, second.index_changed) == (False, True)


async def test_yesterday_stays_the_same_day_from_page_to_page() -> None:
    made = QueryEngine(await index_of(MANY), HashEmbedder(dimension=16))
    clock = FakeClock(NOW)
    asking = UnderstandingEngine(made, clock)
    first = await asking.answer(Query("before:yesterday", limit=2))
    clock.advance(86_400)
    second = await asking.answer(Query("before:yesterday", limit=2, cursor=first.next_cursor))
    assert texts(first) + texts(second) == [one.content for one in MANY[2:6]]


async def test_now_stays_the_same_moment_from_page_to_page() -> None:
    clock = FakeClock(NOW)
    made = QueryEngine(await index_of(MANY), HashEmbedder(dimension=16), clock=clock)
    recent = BlendOptions(recency=2.0, half_life_days=5.0)
    query = Query("pump leaks", limit=20)
    first = await made.answer(query, recent)
    at_once = await made.answer(replace(query, cursor=first.next_cursor), recent)
    clock.advance(30 * 86_400)
    later = await made.answer(replace(query, cursor=first.next_cursor), recent)
    assert later.hits == at_once.hits


@pytest.mark.parametrize("limit", [200, 150])
async def test_more_than_a_thousand_hits_cannot_be_paged_through(limit: int) -> None:
    many = [record(f"pump {number}", timestamp=NOW) for number in range(1_100)]
    asking = await engine(many)
    query = Query("pump since:2020", SearchMode.KEYWORD, limit=limit)
    for shown in range(0, 1_000, limit):
        answer = await asking.answer(query)
        assert len(answer.hits) == min(limit, 1_000 - shown)
        query = replace(query, cursor=answer.next_cursor)
    with pytest.raises(InvalidQueryError, match="no more than 1000 hits"):
        await asking.answer(query)
