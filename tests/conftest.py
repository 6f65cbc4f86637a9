"""Fixtures for every level: a PostgreSQL server, and a fresh database in it per test."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import settings

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.store_settings import S3Settings
from tests.redis_server import PrivateRedis
from tests.s3_servers import moto_server, of_its_own, real_server

# How long an example takes says how busy the machine is; no test here is about that.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")


REDIS_URL_VARIABLE = "HEADRACE_TEST_REDIS_URL"
POSTGRES_DSN_VARIABLE = "HEADRACE_TEST_POSTGRES_DSN"


def pytest_report_header() -> list[str]:
    """Which servers the suites meet."""
    if POSTGRES_DSN_VARIABLE in os.environ:
        postgres = f"the one that {POSTGRES_DSN_VARIABLE} names"
    else:
        postgres = f"the embedded one ({POSTGRES_DSN_VARIABLE} names no other)"
    if REDIS_URL_VARIABLE in os.environ:
        redis = f"the one that {REDIS_URL_VARIABLE} names"
    else:
        redis = "a private one" if PrivateRedis.is_installed() else "none, its tests are skipped"
    return [f"PostgreSQL: {postgres}", f"Redis: {redis}"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """A running server of our own with an empty database.

    It lies outside pytest's directories, which every run of pytest as root closes to others.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-pg-") as directory:
        server = EmbeddedPostgres(Path(directory))
        asyncio.run(forgo_durability(server.start()))
        yield server
        server.stop()


async def forgo_durability(dsn: str) -> None:
    """A test's data need not last."""
    await run_sql(dsn, "ALTER SYSTEM SET fsync = off")
    await run_sql(dsn, "SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def postgres_template(request: pytest.FixtureRequest) -> Iterator[str]:
    """DSN of a migrated database, the template of all others; gone after the run.

    It is on the server that ``HEADRACE_TEST_POSTGRES_DSN`` names, whose account may create
    databases; without one, on a server of our own.
    """
    named = os.environ.get(POSTGRES_DSN_VARIABLE)
    server_dsn = named or request.getfixturevalue("postgres_server").dsn
    name = f"headrace_test_{uuid4().hex}"
    asyncio.run(run_sql(server_dsn, f"CREATE DATABASE {name}"))
    try:
        asyncio.run(migrate(with_database(server_dsn, name)))
        yield with_database(server_dsn, name)
    finally:
        asyncio.run(run_sql(server_dsn, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def postgres_dsn(postgres_template: str) -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    name, template = f"headrace_test_{uuid4().hex}", database_of(postgres_template)
    admin = with_database(postgres_template, "postgres")
    await run_sql(admin, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield with_database(postgres_template, name)
    await run_sql(admin, f"DROP DATABASE {name} WITH (FORCE)")


def with_database(dsn: str, name: str) -> str:
    """The same server and account, another database."""
    # Not by geturl(), which leaves out the slashes of a DSN that names its socket as a parameter.
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"


def database_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


async def run_sql(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
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
def redis_url() -> Iterator[str]:
    """A Redis that tests may write to under prefixes of their own."""
    if named := os.environ.get(REDIS_URL_VARIABLE):
        yield named
        return
    require_redis()
    with tempfile.TemporaryDirectory(prefix="headrace-redis-") as directory:
        server = PrivateRedis(Path(directory))
        server.start()
        yield server.url
        server.stop()


def require_redis() -> None:
    if not PrivateRedis.is_installed():
        pytest.skip(f"no redis-server on this machine, and {REDIS_URL_VARIABLE} names none")


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
