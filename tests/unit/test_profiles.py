"""The cluster profile is other defaults, and nothing more."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from actors.adapters.memory.cache import InMemoryCache
from actors.adapters.memory.clock import FakeClock
from actors.adapters.redis.cache import RedisCache
from actors.bootstrap import open_cache
from actors.settings import Profile, Settings
from actors.store_settings import CacheBackend, CacheSettings, PostgresSettings
from serve_app.addresses import CannotStart
from serve_app.commands.service import settings_for
from serve_app.launcher import start_service

DSN = PostgresSettings(dsn=SecretStr("postgresql://user:hidden@db.example/headrace"))
REDIS = SecretStr("redis://:hidden@cache.example/0")


def backends(settings: Settings) -> tuple[str, str, str]:
    return settings.search.backend, settings.objects.backend, settings.cache.backend


def test_the_embedded_profile_needs_nothing_from_outside() -> None:
    settings = Settings()
    assert backends(settings) == ("tantivy", "filesystem", "memory")
    assert settings.missing() is None


def test_the_cluster_profile_names_the_cluster_s_stores() -> None:
    assert backends(Settings(profile=Profile.CLUSTER)) == ("weaviate", "s3", "redis")


def test_the_environment_can_name_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_PROFILE", "cluster")
    assert backends(Settings()) == ("weaviate", "s3", "redis")


def test_the_command_line_can_name_the_profile() -> None:
    assert backends(settings_for(profile="cluster")) == ("weaviate", "s3", "redis")


def test_every_store_of_a_profile_can_be_chosen_on_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADRACE_PROFILE", "cluster")
    monkeypatch.setenv("HEADRACE_SEARCH__BACKEND", "tantivy")
    monkeypatch.setenv("HEADRACE_SEARCH__CANDIDATES_PER_LEG", "50")
    assert backends(Settings()) == ("tantivy", "s3", "redis")


def test_what_else_is_set_in_a_group_leaves_the_profile_s_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADRACE_PROFILE", "cluster")
    monkeypatch.setenv("HEADRACE_CACHE__PREFIX", "other:")
    assert Settings().cache.backend == "redis"


def test_the_cluster_profile_does_not_start_without_a_postgres() -> None:
    with pytest.raises(CannotStart, match="set HEADRACE_POSTGRES__DSN, or HEADRACE_PROFILE"):
        start_service(Settings(profile=Profile.CLUSTER))


def test_redis_does_not_start_without_its_url() -> None:
    with pytest.raises(CannotStart, match="HEADRACE_CACHE__URL, or HEADRACE_CACHE__BACKEND=memory"):
        start_service(Settings(profile=Profile.CLUSTER, postgres=DSN))


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings(
        postgres=DSN, cache=CacheSettings(url=REDIS, password=SecretStr("hidden too"))
    )
    assert "hidden" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    ("cache", "kind"),
    [
        (CacheSettings(), InMemoryCache),
        (CacheSettings(backend=CacheBackend.REDIS, url=REDIS), RedisCache),
    ],
    ids=["memory", "redis"],
)
def test_the_cache_is_the_one_that_the_settings_name(
    cache: CacheSettings, kind: type[object]
) -> None:
    assert isinstance(open_cache(Settings(cache=cache), FakeClock()), kind)
