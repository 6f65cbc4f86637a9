"""Redis that is away, slow, guarded or started anew: callers are told at once, and why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from actors.adapters.redis.cache import RedisCache, RedisOptions
from domain.errors import CacheUnavailableError, FatalImportError
from tests.certificates import Certificate, a_certificate
from tests.conftest import require_redis
from tests.redis_server import PrivateRedis

PASSWORD = "s3cret/@word"
PATIENT_SECONDS = 20.0
"""For tests that are not about time, on a machine that is busy."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return a_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[PrivateRedis]:
    """A server that wants TLS and a password."""
    require_redis()
    server = PrivateRedis(
        tmp_path_factory.mktemp("redis"), password=PASSWORD, certificate=certificate
    )
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def a_cache(url: str, **options: object) -> AsyncIterator[RedisCache]:
    patient = RedisOptions(
        url, connect_timeout_seconds=PATIENT_SECONDS, operation_timeout_seconds=PATIENT_SECONDS
    )
    cache = RedisCache(replace(patient, **options))
    yield cache
    await cache.close()


@asynccontextmanager
async def a_silent_server() -> AsyncIterator[tuple[str, list[asyncio.StreamWriter]]]:
    """Takes connections and never says a word."""
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _, writer: connections.append(writer), "127.0.0.1", 0
    )
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", connections
    for connection in connections:
        connection.close()
    server.close()


async def sentence_of(cache: RedisCache) -> str:
    with pytest.raises(CacheUnavailableError) as raised:
        await cache.ping()
    return raised.value.message


async def test_services_with_prefixes_of_their_own_do_not_meet(redis_url: str) -> None:
    mine, theirs = f"test:{uuid4().hex}:", f"test:{uuid4().hex}:"
    async with a_cache(redis_url, prefix=mine) as one, a_cache(redis_url, prefix=theirs) as two:
        await one.set("k", b"v", ttl_seconds=10)
        assert await two.get("k") is None


async def test_a_time_to_live_is_kept_to_the_millisecond(redis_url: str) -> None:
    prefix = f"test:{uuid4().hex}:"
    async with a_cache(redis_url, prefix=prefix) as cache, Redis.from_url(redis_url) as client:
        await cache.set("k", b"v", ttl_seconds=3600.5)
        left = await client.pexpiretime(f"{prefix}k") - await milliseconds_of(client)
    assert 3_540_500 < left <= 3_600_500


async def milliseconds_of(client: Redis) -> int:
    seconds, microseconds = await client.time()
    return int(seconds * 1000 + microseconds // 1000)


async def test_an_answer_that_came_too_late_is_not_taken_for_another(redis_url: str) -> None:
    prefix = f"test:{uuid4().hex}:"
    async with (
        a_cache(redis_url, prefix=prefix, pool_max_size=1) as cache,
        Redis.from_url(redis_url) as client,
    ):
        await cache.set("late", b"late", ttl_seconds=60)
        await cache.set("k", b"v", ttl_seconds=60)
        await client.client_pause(300)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await cache.get("late")
        assert await cache.get("k") == b"v"


async def test_a_server_that_was_started_again_answers_the_next_call(tmp_path: Path) -> None:
    require_redis()
    server = PrivateRedis(tmp_path)
    server.start()
    try:
        async with a_cache(server.url) as cache:
            await cache.ping()
            server.stop()
            server.start()
            await cache.ping()
    finally:
        server.stop()


async def test_an_absent_server_is_named_with_the_fix() -> None:
    async with a_cache("redis://:hidden@127.0.0.1:1/0") as cache:
        said = await sentence_of(cache)
    assert said.startswith("Redis at 127.0.0.1:1 cannot be reached (")
    assert said.endswith("): start it, or correct HEADRACE_CACHE__URL")
    assert "hidden" not in said


async def test_a_silent_server_holds_nobody_up() -> None:
    async with (
        a_silent_server() as (url, _),
        a_cache(url, connect_timeout_seconds=0.1, operation_timeout_seconds=0.1) as cache,
    ):
        began = time.monotonic()
        said = await sentence_of(cache)
    assert said.endswith("gave no answer in time")
    assert time.monotonic() - began < 2


async def test_many_callers_do_not_storm_a_silent_server() -> None:
    async with (
        a_silent_server() as (url, connections),
        a_cache(
            url, connect_timeout_seconds=0.1, operation_timeout_seconds=0.1, pool_max_size=4
        ) as cache,
    ):
        calls = [cache.get(str(number)) for number in range(64)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {CacheUnavailableError}
        assert len(connections) <= 16


async def test_a_trusted_certificate_and_the_password_let_one_in(
    guarded: PrivateRedis, certificate: Certificate
) -> None:
    options = {"password": PASSWORD, "ca_file": certificate.certificate}
    async with a_cache(guarded.url, **options) as cache:
        await cache.set("k", b"v", ttl_seconds=10)
        assert await cache.get("k") == b"v"


async def test_a_wrong_password_is_named_and_not_shown(
    guarded: PrivateRedis, certificate: Certificate
) -> None:
    options = {"password": "wrong-one", "ca_file": certificate.certificate}
    async with a_cache(guarded.url, **options) as cache:
        said = await sentence_of(cache)
    assert said == (
        f"Redis at 127.0.0.1:{guarded.port} refuses the password: correct HEADRACE_CACHE__PASSWORD"
    )


async def test_a_certificate_of_an_unknown_authority_is_refused(guarded: PrivateRedis) -> None:
    async with a_cache(guarded.url, password=PASSWORD) as cache:
        assert "HEADRACE_CACHE__CA_FILE" in await sentence_of(cache)


@pytest.mark.parametrize("url", ["http://:hidden@host", "redis://user:hid/den@host:1"])
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(FatalImportError, match="HEADRACE_CACHE__URL cannot be read") as raised:
        RedisCache(RedisOptions(url))
    assert "hid" not in raised.value.message


def test_authorities_in_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    options = RedisOptions("rediss://host", ca_file=tmp_path / "ca.pem")
    with pytest.raises(FatalImportError, match="HEADRACE_CACHE__CA_FILE names no file"):
        RedisCache(options)
