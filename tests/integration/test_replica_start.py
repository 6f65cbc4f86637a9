"""A replica of the API that starts while a store is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from actors.bootstrap import open_breakers
from actors.breakers import Breakers, Dependency
from actors.settings import EmbedderSettings, Settings
from actors.store_settings import PostgresSettings
from domain.errors import StoreUnavailableError
from pipelines.opening import services_once_there


@pytest.fixture
def settings(postgres_dsn: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        postgres=PostgresSettings(dsn=SecretStr(postgres_dsn)),
        embedder=EmbedderSettings(backend="hash"),
    )


@pytest.fixture
def breakers(settings: Settings) -> Breakers:
    """Another process has just found PostgreSQL away."""
    breakers = open_breakers(settings)
    breakers[Dependency.POSTGRES].hear_open(1.5)
    with pytest.raises(StoreUnavailableError), breakers[Dependency.POSTGRES].calling():
        pass
    return breakers


async def test_it_waits_for_a_store_that_is_left_alone(
    settings: Settings, breakers: Breakers
) -> None:
    async with services_once_there(settings, breakers) as services:
        assert await services.metadata.indexes.active()
