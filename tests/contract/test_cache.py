"""What every cache does. A further implementation joins ``IMPLEMENTATIONS``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from actors.adapters.memory.cache import ENTRY_OVERHEAD_BYTES, InMemoryCache
from actors.adapters.memory.clock import FakeClock
from actors.adapters.redis.cache import RedisCache, RedisOptions
from domain.ports.cache import Cache

IMPLEMENTATIONS = ["memory", pytest.param("redis", marks=pytest.mark.external_service)]


@dataclass(frozen=True)
class Tried:
    """A cache, and how to make it believe that time has passed."""

    cache: Cache
    let_pass: Callable[[float], Awaitable[None]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=IMPLEMENTATIONS)
async def tried(request: pytest.FixtureRequest, clock: FakeClock) -> AsyncIterator[Tried]:
    if request.param == "memory":
        yield in_memory(clock)
        return
    url, prefix = request.getfixturevalue("redis_url"), f"test:{uuid4().hex}:"
    cache = RedisCache(RedisOptions(url, prefix=prefix, operation_timeout_seconds=10))
    async with Redis.from_url(url) as client:
        yield Tried(cache, lambda seconds: bring_ends_nearer(client, prefix, seconds))
        await bring_ends_nearer(client, prefix, seconds=1e6)
    await cache.close()


def in_memory(clock: FakeClock) -> Tried:
    async def let_pass(seconds: float) -> None:
        clock.advance(seconds)

    return Tried(InMemoryCache(clock=clock), let_pass)


async def bring_ends_nearer(client: Redis, prefix: str, seconds: float) -> None:
    """Redis has a clock of its own; so the ends of all entries come towards it."""
    async for key in client.scan_iter(f"{prefix}*"):
        await client.pexpire(key, await client.pttl(key) - int(seconds * 1000))


@pytest.fixture
def cache(tried: Tried) -> Cache:
    return tried.cache


async def test_what_was_set_is_found(cache: Cache) -> None:
    await cache.set("k", b"v", ttl_seconds=10)
    assert await cache.get("k") == b"v"


async def test_an_unknown_key_has_no_value(cache: Cache) -> None:
    assert await cache.get("k") is None


async def test_a_later_value_replaces_the_earlier(cache: Cache) -> None:
    await cache.set("k", b"old", ttl_seconds=10)
    await cache.set("k", b"new", ttl_seconds=10)
    assert await cache.get("k") == b"new"


async def test_a_value_is_gone_after_its_time_to_live(tried: Tried) -> None:
    await tried.cache.set("k", b"v", ttl_seconds=10)
    await tried.let_pass(10)
    assert await tried.cache.get("k") is None


async def test_a_value_is_there_until_its_time_to_live_has_passed(tried: Tried) -> None:
    await tried.cache.set("k", b"v", ttl_seconds=3600)
    await tried.let_pass(3000)
    assert await tried.cache.get("k") == b"v"


async def test_a_later_value_has_a_time_to_live_of_its_own(tried: Tried) -> None:
    await tried.cache.set("k", b"old", ttl_seconds=3600)
    await tried.cache.set("k", b"new", ttl_seconds=10)
    await tried.let_pass(10)
    assert await tried.cache.get("k") is None


async def test_a_value_without_time_to_live_replaces_the_earlier_by_none(cache: Cache) -> None:
    await cache.set("k", b"old", ttl_seconds=10)
    await cache.set("k", b"new", ttl_seconds=0)
    assert await cache.get("k") is None


async def test_values_are_bytes_of_any_kind(cache: Cache) -> None:
    await cache.set("ключ", bytes(range(256)), ttl_seconds=10)
    assert await cache.get("ключ") == bytes(range(256))


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
