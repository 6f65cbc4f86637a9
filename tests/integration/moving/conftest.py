"""A filled side, and an empty place to move it to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.object_store import InMemoryObjectStore
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.postgres.server import EmbeddedPostgres
from tests.integration.moving.sides import Target, filled
from tests.integration.pipelines.conftest import ImportSide, csv_of, import_side

__all__ = ["import_side"]


@pytest.fixture
async def bare_dsn(postgres_server: EmbeddedPostgres) -> AsyncIterator[str]:
    """A database in which nothing is yet."""
    admin = await asyncpg.connect(postgres_server.dsn.replace("/headrace?", "/postgres?"))
    await admin.execute("CREATE DATABASE moved_to")
    yield postgres_server.dsn.replace("/headrace?", "/moved_to?")
    await admin.execute("DROP DATABASE moved_to WITH (FORCE)")
    await admin.close()


@pytest.fixture
def target(bare_dsn: str) -> Target:
    index = InMemorySearchIndex(dimension=HashEmbedder().dimension)
    return Target(bare_dsn, InMemoryObjectStore(), index)


@pytest.fixture
async def source(import_side: ImportSide) -> ImportSide:
    """A side that has imported rows and conversations, and a file that nobody can read."""
    return await filled(import_side)


@pytest.fixture
async def small(import_side: ImportSide) -> ImportSide:
    """A side that has imported a few rows."""
    await import_side.import_file("rows.csv", csv_of(20, note="again and again " * 8))
    return import_side
