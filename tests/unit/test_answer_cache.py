"""Answers are kept, and equal questions that come together are answered once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from actors.adapters.memory.cache import InMemoryCache
from actors.adapters.memory.clock import FakeClock
from domain.blend_options import BlendOptions, FusionMethod
from domain.errors import CacheUnavailableError, IndexUnavailableError
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import (
    Answer,
    Candidate,
    Contribution,
    Hit,
    Query,
    Scope,
    SearchFilter,
    SearchMode,
)
from pipelines.answer_cache import CachingEngine, Outcome, answer_key
from pipelines.understanding import understood

ONE = UUID(int=1)


def an_answer(*, degraded: tuple[str, ...] = ()) -> Answer:
    found = Candidate(
        chunk_id=ChunkId(ONE),
        record_id=RecordId(ONE),
        file_id=FileId(ONE),
        score=0.5,
        text="the pump leaks",
        source_type="slack",
        content_type="message",
        title=None,
        author="Ann",
        timestamp=datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC),
        url=None,
        thread=None,
        metadata={"channel": "sales", "tags": ["a", "b"], "price": 1.5},
        start=0,
        end=14,
    )
    part = Contribution("vector", 1, 0.5, 0.5, 0.25)
    return Answer((Hit(found, 0.25, (part,)),), 12.0, {"vector": 9.0}, degraded=degraded)


class CountingEngine:
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self, *, answer: Answer | None = None, error: Exception | None = None) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self.let.set()
        self._answer = answer or an_answer()
        self._error = error

    async def answer(self, query: Query, options: BlendOptions | None = None) -> Answer:
        self.asked += 1
        await self.let.wait()
        if self._error:
            raise self._error
        return self._answer


class AbsentCache(InMemoryCache):
    async def get(self, key: str) -> bytes | None:
        raise CacheUnavailableError("away")

    async def set(self, key: str, value: bytes, *, ttl_seconds: float) -> None:
        raise CacheUnavailableError("away")


class World:
    """An engine behind a cache; the generation can be moved."""

    def __init__(self, engine: CountingEngine, *tiers: InMemoryCache, clock: FakeClock) -> None:
        self.engine = engine
        self.generation = "1"
        self.outcomes: list[Outcome] = []
        self.caching = CachingEngine(
            engine,
            tiers or (InMemoryCache(clock=clock),),
            generation=lambda: self.generation,
            ttl_seconds=60.0,
            count=self.outcomes.append,
        )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(CountingEngine(), clock=clock)


async def test_the_second_answer_is_the_first_and_says_that_it_was_kept(world: World) -> None:
    first = await world.caching.answer(Query("pump"))
    second = await world.caching.answer(Query("pump"))

    assert second.hits == first.hits == an_answer().hits
    assert (first.cached, second.cached) == (False, True)
    assert world.engine.asked == 1
    assert world.outcomes == [Outcome.MISS, Outcome.HIT]


async def test_a_new_generation_is_asked_anew(world: World) -> None:
    await world.caching.answer(Query("pump"))
    world.generation = "2"
    answer = await world.caching.answer(Query("pump"))
    assert (world.engine.asked, answer.cached) == (2, False)


async def test_an_answer_is_forgotten_after_its_time(world: World, clock: FakeClock) -> None:
    await world.caching.answer(Query("pump"))
    clock.advance(61)
    await world.caching.answer(Query("pump"))
    assert world.engine.asked == 2


async def test_degraded_answers_are_not_kept(clock: FakeClock) -> None:
    world = World(CountingEngine(answer=an_answer(degraded=("vector",))), clock=clock)
    await world.caching.answer(Query("pump"))
    await world.caching.answer(Query("pump"))
    assert world.engine.asked == 2


async def test_equal_questions_at_once_are_answered_once(world: World) -> None:
    world.engine.let.clear()
    asking = [asyncio.create_task(world.caching.answer(Query("pump"))) for _ in range(200)]
    await asyncio.sleep(0)
    world.engine.let.set()

    answers = await asyncio.gather(*asking)

    assert world.engine.asked == 1
    assert [answer.hits for answer in answers] == [an_answer().hits] * 200
    assert world.outcomes.count(Outcome.JOINED) == 199


async def test_whoever_goes_away_takes_no_answer_from_the_others(world: World) -> None:
    world.engine.let.clear()
    gone = asyncio.create_task(world.caching.answer(Query("pump")))
    waiting = asyncio.create_task(world.caching.answer(Query("pump")))
    await asyncio.sleep(0)
    gone.cancel()
    world.engine.let.set()
    assert (await waiting).hits == an_answer().hits


async def test_an_error_reaches_all_who_wait_and_is_not_kept(clock: FakeClock) -> None:
    world = World(CountingEngine(error=IndexUnavailableError("no answer")), clock=clock)
    world.engine.let.clear()
    asking = [asyncio.create_task(world.caching.answer(Query("pump"))) for _ in range(2)]
    await asyncio.sleep(0)
    world.engine.let.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    with pytest.raises(IndexUnavailableError):
        await world.caching.answer(Query("pump"))
    assert [type(result) for result in results] == [IndexUnavailableError] * 2
    assert world.engine.asked == 2


async def test_a_cache_that_is_away_is_gone_around(clock: FakeClock) -> None:
    world = World(CountingEngine(), AbsentCache(clock=clock), clock=clock)
    assert (await world.caching.answer(Query("pump"))).hits == an_answer().hits


async def test_what_the_far_cache_has_is_kept_in_the_near_one(clock: FakeClock) -> None:
    far = InMemoryCache(clock=clock)
    await World(CountingEngine(), far, clock=clock).caching.answer(Query("pump"))
    near = InMemoryCache(clock=clock)
    world = World(CountingEngine(), near, far, clock=clock)

    assert (await world.caching.answer(Query("pump"))).cached
    await far.close()

    assert (await world.caching.answer(Query("pump"))).cached
    assert world.engine.asked == 0


async def test_what_another_version_has_kept_is_computed_anew(clock: FakeClock) -> None:
    cache = InMemoryCache(clock=clock)
    await cache.set(answer_key(Query("pump"), None, "1"), b'{"hits": 7}', ttl_seconds=60)
    world = World(CountingEngine(), cache, clock=clock)
    assert (await world.caching.answer(Query("pump"))).hits == an_answer().hits


@pytest.mark.parametrize(
    "other",
    [
        Query("pumps"),
        Query("pump", limit=11),
        Query("pump", mode=SearchMode.KEYWORD),
        Query("pump", where=SearchFilter(sources=("slack",))),
        Query("pump", where=SearchFilter(since=datetime(2026, 1, 1, tzinfo=UTC))),
        Query("pump", where=SearchFilter(metadata={"channel": "sales"})),
        Query("pump", where=SearchFilter(scope=Scope(("ann",)))),
    ],
    ids=["text", "limit", "mode", "source", "since", "metadata", "scope"],
)
def test_what_an_answer_depends_on_is_in_its_key(other: Query) -> None:
    assert answer_key(other, None, "1") != answer_key(Query("pump"), None, "1")


def test_the_way_of_blending_is_in_the_key() -> None:
    options = BlendOptions(method=FusionMethod.RECIPROCAL_RANK)
    assert answer_key(Query("pump"), options, "1") != answer_key(Query("pump"), None, "1")


@pytest.mark.parametrize("is_plain", [True, False])
def test_blanks_accents_and_the_order_of_filters_are_not_in_the_key(is_plain: bool) -> None:
    one = SearchFilter(sources=("slack", "csv"), metadata={"a": 1, "b": 2})
    other = SearchFilter(sources=("csv", "slack", "csv"), metadata={"b": 2, "a": 1})
    asked = [Query(" caf\u00e9  pump", where=one), Query("cafe\u0301 pump", where=other)]
    now = datetime(2026, 3, 1, tzinfo=UTC)
    keys = {
        answer_key(understood(replace(q, is_plain=is_plain), now=now), None, "1") for q in asked
    }
    assert len(keys) == 1


def test_keys_of_different_filters_differ_by_type() -> None:
    keys = {
        answer_key(Query("x", where=SearchFilter(metadata={"n": value})), None, "1")
        for value in (1, "1", True, 1.5, 2**64, 2**64 + 1, "\ud800")
    }
    assert len(keys) == 7
    assert answer_key(Query("x"), None, str(uuid4())) not in keys
