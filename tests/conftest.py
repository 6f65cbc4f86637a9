"""Fixtures for every level: an embedded PostgreSQL, and a fresh database in it per test."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.settings import S3Settings
from tests.s3_servers import moto_server, of_its_own, real_server

# How long an example takes says how busy the machine is; no test here is about that.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running server whose database ``headrace`` is migrated: the template of all others.

    It lies outside pytest's directories, which every run of pytest as root closes to others.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-pg-") as directory:
        server = EmbeddedPostgres(Path(directory))
        asyncio.run(_prepare(server.start()))
        yield server
        server.stop()


async def _prepare(dsn: str) -> None:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER SYSTEM SET fsync = off")  # a test's data need not last
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture
async def postgres_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    name = f"test_{uuid4().hex}"
    admin = postgres_server.dsn.replace("/headrace?", "/postgres?")
    connection = await asyncpg.connect(admin)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE headrace")
    yield postgres_server.dsn.replace("/headrace?", f"/{name}?")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def metadata_store(postgres_dsn: str) -> AsyncIterator[PostgresMetadataStore]:
    """A store on a database of the test's own."""
    store = await PostgresMetadataStore.open(
        postgres_dsn, pool_max_size=6, statement_timeout_seconds=30
    )
    yield store
    await store.close()


@pytest.fixture(scope="session")
def moto_s3() -> Iterator[S3Settings]:
    """A bucket on moto's server, which all tests share."""
    with moto_server() as settings:
        yield settings


@pytest.fixture(
    params=["moto", pytest.param("real-s3", marks=pytest.mark.external_service)],
)
def s3(request: pytest.FixtureRequest) -> S3Settings:
    """A place of the test's own in a bucket: moto's, and a real one where there is one."""
    settings = request.getfixturevalue("moto_s3") if request.param == "moto" else real_server()
    return of_its_own(settings)
