"""Places of one's own on servers that others use, too: a database, a collection, keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from actors.adapters.weaviate.connection import connect
from actors.settings import Settings
from actors.store_settings import (
    CacheBackend,
    ObjectBackend,
    S3Settings,
    SearchBackend,
    WeaviateSettings,
)
from tests.conftest import run_sql, with_database
from tests.s3_servers import raw_client

START_SECONDS = 60.0


@contextmanager
def own_places(settings: Settings) -> Iterator[Mapping[str, str]]:
    """Variables that lead a service to empty places on the servers of ``settings``.

    Databases, collections and objects are dropped afterwards; a cache forgets by itself.
    """
    name = uuid4().hex[:12]
    own: dict[str, str] = {}
    with ExitStack() as stack:
        if dsn := settings.postgres.dsn:
            database = stack.enter_context(_database(dsn.get_secret_value(), f"headrace_{name}"))
            own["HEADRACE_POSTGRES__DSN"] = database
        if settings.search.backend is SearchBackend.WEAVIATE:
            collection = stack.enter_context(_collection(settings.weaviate, f"Headrace{name}"))
            own["HEADRACE_WEAVIATE__COLLECTION"] = collection
        if settings.objects.backend is ObjectBackend.S3:
            prefix = stack.enter_context(_prefix(settings.objects.s3, f"headrace-{name}/"))
            own["HEADRACE_OBJECTS__S3__PREFIX"] = prefix
        if settings.cache.backend is CacheBackend.REDIS:
            own["HEADRACE_CACHE__PREFIX"] = f"headrace-{name}:"
        yield own


def described(settings: Settings) -> str:
    """Which technology stands for each port, and where, without secrets."""
    dsn = settings.postgres.dsn
    return (
        f"PostgreSQL {_host_of(dsn.get_secret_value()) if dsn else 'embedded'}, "
        f"index {settings.search.backend}, objects {settings.objects.backend}, "
        f"cache {settings.cache.backend}"
    )


def _host_of(dsn: str) -> str:
    return f"at {urlsplit(dsn).hostname or 'a socket'}"


@contextmanager
def _database(dsn: str, name: str) -> Iterator[str]:
    _create(dsn, name)
    try:
        yield with_database(dsn, name)
    finally:
        asyncio.run(run_sql(dsn, f"DROP DATABASE {name} WITH (FORCE)"))


def _create(dsn: str, name: str) -> None:
    """Make the database; a server that was just started refuses for a moment."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return asyncio.run(run_sql(dsn, f"CREATE DATABASE {name}"))
        except asyncpg.CannotConnectNowError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@contextmanager
def _collection(settings: WeaviateSettings, name: str) -> Iterator[str]:
    try:
        yield name
    finally:
        asyncio.run(_drop(settings, name))


async def _drop(settings: WeaviateSettings, name: str) -> None:
    client = await connect(settings)
    try:
        await client.collections.delete(name)
    finally:
        await client.close()


@contextmanager
def _prefix(settings: S3Settings, prefix: str) -> Iterator[str]:
    try:
        yield prefix
    finally:
        client = raw_client(settings)
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=settings.bucket, Prefix=prefix
        )
        for page in pages:
            for found in page.get("Contents", ()):
                client.delete_object(Bucket=settings.bucket, Key=found["Key"])
