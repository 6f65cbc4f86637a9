"""Ports behind circuit breakers: every call passes the gate, and what an adapter does stays."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from actors import guarded as module
from actors.adapters.memory.clock import FakeClock
from actors.adapters.memory.object_store import InMemoryObjectStore
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.postgres.database import Database
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.breakers import Breakers, Dependency
from actors.guarded import (
    PASSED_BY,
    guard_cache,
    guard_embedder,
    guard_index,
    guard_index_writes,
    guard_metadata,
    guard_objects,
    guarded,
)
from domain.breaker import BreakerState
from domain.errors import (
    CacheUnavailableError,
    EmbedderUnavailableError,
    IndexUnavailableError,
    NotFoundError,
    RetryableError,
    StoreUnavailableError,
)
from domain.models.chunks import Embedding
from domain.models.ids import ObjectKey
from domain.models.search import Match, SearchFilter
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex
from tests.failing import FailingCache, FailingEmbedder, FailingIndex, FailingObjects

EVERYTHING = SearchFilter()


async def no_sleep(seconds: float) -> None: ...


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breakers(clock: FakeClock) -> Breakers:
    return Breakers(clock, sleep=no_sleep)


@pytest.fixture
def index() -> FailingIndex:
    return FailingIndex(dimension=8)


@pytest.fixture
def store() -> MetadataStore:
    """Nothing is asked of its database."""
    return PostgresMetadataStore(
        Database("", None, connect_timeout_seconds=1.0),  # type: ignore[arg-type]
        listen_dsn="",
    )


def open_all(breakers: Breakers) -> None:
    for dependency in Dependency:
        breakers[dependency].hear_open(60.0)


def methods_of(port: object) -> list[str]:
    """The methods that a port's protocol declares and that pass the gate."""
    return [
        name
        for name, method in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_") and name not in PASSED_BY
    ]


PARTS = [
    (part, name)
    for part, getter in inspect.getmembers(MetadataStore, lambda one: isinstance(one, property))
    for name in methods_of(inspect.get_annotations(getter.fget, eval_str=True)["return"])
]


async def use(method: Callable[..., Any]) -> None:
    """Call a method with whatever arguments, and begin what it returns."""
    needed = inspect.signature(method).parameters.values()
    by_position = [None for one in needed if one.kind is one.POSITIONAL_OR_KEYWORD]
    by_name = {one.name: None for one in needed if one.kind is one.KEYWORD_ONLY}
    returned = method(*by_position, **by_name)
    if isinstance(returned, AbstractAsyncContextManager):
        async with returned:
            pass
    elif isinstance(returned, AsyncIterator):
        await anext(returned)
    else:
        await returned


@pytest.mark.parametrize(("part", "name"), PARTS, ids=lambda one: str(one))
async def test_every_call_to_the_metadata_store_is_refused_while_it_is_open(
    breakers: Breakers, store: MetadataStore, part: str, name: str
) -> None:
    open_all(breakers)
    with pytest.raises(StoreUnavailableError) as refused:
        await use(getattr(getattr(guard_metadata(store, breakers), part), name))
    assert refused.value.details["breaker"] == "open"


@pytest.mark.parametrize("name", methods_of(ObjectStore))
async def test_every_call_to_the_object_store_is_refused_while_it_is_open(
    breakers: Breakers, name: str
) -> None:
    open_all(breakers)
    with pytest.raises(RetryableError) as refused:
        await use(getattr(guard_objects(InMemoryObjectStore(), breakers), name))
    assert refused.value.details["breaker"] == "open"


@pytest.mark.parametrize("name", methods_of(SearchIndex))
async def test_every_call_to_the_index_is_refused_while_it_is_open(
    breakers: Breakers, index: FailingIndex, name: str
) -> None:
    open_all(breakers)
    with pytest.raises(IndexUnavailableError) as refused:
        await use(getattr(guard_index(index, breakers, search_seconds=1.0), name))
    assert refused.value.details["breaker"] == "open"


@pytest.mark.parametrize("name", ["ping", "refresh", "close"])
async def test_what_asks_nobody_is_neither_refused_nor_an_answer(
    breakers: Breakers, index: FailingIndex, clock: FakeClock, name: str
) -> None:
    open_all(breakers)
    await use(getattr(guard_index(index, breakers, search_seconds=1.0), name))
    clock.advance(60.0)
    await use(getattr(guard_index(index, breakers, search_seconds=1.0), name))
    assert breakers[Dependency.INDEX].state is BreakerState.HALF_OPEN


def test_only_methods_that_the_ports_have_are_repeated() -> None:
    parts = {part: {name for one, name in PARTS if one == part} for part, _ in PARTS}
    repeated = {
        "files": module.FILE_CALLS,
        "queue": module.QUEUE_CALLS,
        "slices": module.SLICE_CALLS,
        "records": module.RECORD_CALLS,
        "groups": module.GROUP_CALLS,
        "events": module.EVENT_CALLS,
    }
    assert {
        part: calls - parts[part] for part, calls in repeated.items() if calls - parts[part]
    } == {}


def test_properties_are_the_adapters_own(breakers: Breakers, index: FailingIndex) -> None:
    open_all(breakers)
    assert guard_index(index, breakers, search_seconds=1.0).dimension == 8


async def test_a_search_that_fails_is_made_three_times(
    breakers: Breakers, index: FailingIndex
) -> None:
    guard = guard_index(index, breakers, search_seconds=1.0)
    index.away.now = True
    with pytest.raises(IndexUnavailableError):
        await guard.search_keyword("pump", limit=1, where=EVERYTHING)
    assert index.away.calls == 3


async def test_an_index_that_is_away_is_asked_five_times(
    breakers: Breakers, index: FailingIndex
) -> None:
    guard = guard_index(index, breakers, search_seconds=1.0)
    index.away.now = True
    for _ in range(10):
        with pytest.raises(IndexUnavailableError):
            await guard.search_keyword("pump", limit=1, where=EVERYTHING)
    assert (index.away.calls, breakers[Dependency.INDEX].state) == (5, BreakerState.OPEN)


class SilentIndex(InMemorySearchIndex):
    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter
    ) -> list[Match]:
        return await asyncio.Future()


async def test_a_search_without_an_answer_counts_as_a_failure(breakers: Breakers) -> None:
    guard = guard_index(SilentIndex(dimension=8), breakers, search_seconds=0.01)
    with pytest.raises(IndexUnavailableError, match=r"gave no answer in 0\.01 s"):
        await guard.search_vector(None, limit=1, where=EVERYTHING)  # type: ignore[arg-type]
    assert breakers[Dependency.INDEX].status().failures == 3


async def test_an_index_that_cannot_be_written_can_still_be_searched(
    breakers: Breakers, index: FailingIndex
) -> None:
    writer = guard_index_writes(index, breakers)
    index.away.now = True
    for _ in range(2):
        with pytest.raises(IndexUnavailableError):
            await writer.upsert([])
    states = [breakers[one].state for one in (Dependency.INDEX_WRITES, Dependency.INDEX)]
    assert states == [BreakerState.OPEN, BreakerState.CLOSED]


async def one_piece() -> AsyncIterator[bytes]:
    yield b"pump"


async def test_a_stream_is_never_sent_twice(breakers: Breakers) -> None:
    objects = FailingObjects()
    objects.away.now = True
    with pytest.raises(RetryableError):
        await guard_objects(objects, breakers).store(one_piece())
    assert objects.away.calls == 1


async def test_blocks_and_iterations_do_what_the_adapter_does(breakers: Breakers) -> None:
    objects = guard_objects(InMemoryObjectStore(), breakers)
    stored = await objects.store(one_piece())
    async with objects.open(stored.key) as raw:
        opened = raw.read()
    streamed = b"".join([piece async for piece in objects.retrieve(stored.key)])
    listed = [key async for key in objects.list()]
    assert (opened, streamed, listed) == (b"pump", b"pump", [stored.key])


async def test_a_missing_object_is_an_answer(breakers: Breakers) -> None:
    objects = guard_objects(InMemoryObjectStore(), breakers)
    for _ in range(5):
        with pytest.raises(NotFoundError):
            async with objects.open(ObjectKey("none")):
                pass
    assert breakers[Dependency.OBJECTS].state is BreakerState.CLOSED


class Transactions:
    """A store's block that may fail when it ends."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    @asynccontextmanager
    async def block(self) -> AsyncIterator[None]:
        yield
        if self._error:
            raise self._error


@pytest.mark.parametrize(
    ("in_block", "at_end", "failures"),
    [
        (None, StoreUnavailableError("the connection was lost"), 1),
        (StoreUnavailableError("counted where it was raised"), None, 0),
        (IndexUnavailableError("another store"), None, 0),
    ],
    ids=["at its end", "raised inside by the same store", "raised inside by another"],
)
async def test_a_block_counts_what_it_raises_itself(
    breakers: Breakers, in_block: Exception | None, at_end: Exception | None, failures: int
) -> None:
    async def work() -> None:
        async with guarded(Transactions(at_end), breakers[Dependency.POSTGRES]).block():
            if in_block:
                raise in_block

    with pytest.raises(RetryableError):
        await work()
    assert breakers[Dependency.POSTGRES].status().failures == failures


class Pages:
    def __init__(self, pages: Sequence[int], error: Exception) -> None:
        self._pages = pages
        self._error = error

    async def read(self) -> AsyncIterator[int]:
        for page in self._pages:
            yield page
        raise self._error


async def test_an_iteration_counts_a_failure_on_its_way(breakers: Breakers) -> None:
    pages = Pages([1, 2], StoreUnavailableError("the connection was lost"))
    steps = guarded(pages, breakers[Dependency.POSTGRES]).read()
    read = [await anext(steps), await anext(steps)]
    with pytest.raises(StoreUnavailableError):
        await anext(steps)
    assert (read, breakers[Dependency.POSTGRES].status().failures) == ([1, 2], 1)


async def test_a_cache_that_is_away_keeps_and_gives_nothing(
    breakers: Breakers, clock: FakeClock
) -> None:
    cache = FailingCache(clock=clock)
    guard = guard_cache(cache, breakers)
    await guard.set("key", b"value", ttl_seconds=60)
    cache.away.now = True
    for _ in range(10):
        await guard.set("other", b"value", ttl_seconds=60)
        assert await guard.get("key") is None
    assert cache.away.calls == 1 + 5


async def test_what_a_cache_cannot_forget_is_an_error(breakers: Breakers, clock: FakeClock) -> None:
    cache = FailingCache(clock=clock)
    cache.away.now = True
    with pytest.raises(CacheUnavailableError):
        await guard_cache(cache, breakers).delete("key")


def test_an_embedder_that_is_away_is_asked_five_times(breakers: Breakers) -> None:
    embedder = FailingEmbedder()
    guard = guard_embedder(embedder, breakers)
    embedder.away.now = True
    for _ in range(10):
        with pytest.raises(EmbedderUnavailableError):
            guard.embed(["pump"])
    assert (embedder.away.calls, guard.model) == (5, embedder.model)
