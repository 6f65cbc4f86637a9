"""What every cache does. A further implementation joins ``IMPLEMENTATIONS``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.adapters.memory.cache import ENTRY_OVERHEAD_BYTES, InMemoryCache
from actors.adapters.memory.clock import FakeClock
from domain.ports.cache import Cache

IMPLEMENTATIONS = [pytest.param(lambda clock: InMemoryCache(clock=clock), id="memory")]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=IMPLEMENTATIONS)
def cache(request: pytest.FixtureRequest, clock: FakeClock) -> Cache:
    make: Callable[[FakeClock], Cache] = request.param
    return make(clock)


async def test_what_was_set_is_found(cache: Cache) -> None:
    await cache.set("k", b"v", ttl_seconds=10)
    assert await cache.get("k") == b"v"


async def test_an_unknown_key_has_no_value(cache: Cache) -> None:
    assert await cache.get("k") is None


async def test_a_later_value_replaces_the_earlier(cache: Cache) -> None:
    await cache.set("k", b"old", ttl_seconds=10)
    await cache.set("k", b"new", ttl_seconds=10)
    assert await cache.get("k") == b"new"


async def test_a_value_is_gone_after_its_time_to_live(cache: Cache, clock: FakeClock) -> None:
    await cache.set("k", b"v", ttl_seconds=10)
    clock.advance(10)
    assert await cache.get("k") is None


async def test_a_deleted_key_is_gone_and_deleting_it_again_is_no_error(cache: Cache) -> None:
    await cache.set("k", b"v", ttl_seconds=10)
    await cache.delete("k")
    await cache.delete("k")
    assert await cache.get("k") is None


async def test_a_cache_answers_pings(cache: Cache) -> None:
    await cache.ping()


async def test_memory_forgets_what_was_used_the_longest_ago(clock: FakeClock) -> None:
    cache = InMemoryCache(clock=clock, max_bytes=2 * (ENTRY_OVERHEAD_BYTES + 11))
    for key in "ab":
        await cache.set(key, b"x" * 10, ttl_seconds=10)
    await cache.get("a")
    await cache.set("c", b"x" * 10, ttl_seconds=10)
    assert [await cache.get(key) is not None for key in "abc"] == [True, False, True]


async def test_memory_does_not_keep_a_value_larger_than_itself(clock: FakeClock) -> None:
    cache = InMemoryCache(clock=clock, max_bytes=1000)
    await cache.set("small", b"v", ttl_seconds=10)
    await cache.set("large", b"x" * 1000, ttl_seconds=10)
    assert (await cache.get("small"), await cache.get("large")) == (b"v", None)
