"""A real Weaviate for tests, where the environment names one, with a collection for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from actors.adapters.weaviate.connection import connect
from actors.adapters.weaviate.index import WeaviateSearchIndex
from actors.store_settings import WeaviateSettings

URL = "HEADRACE_TEST_WEAVIATE_URL"
GRPC_PORT = "HEADRACE_TEST_WEAVIATE_GRPC_PORT"
API_KEY = "HEADRACE_TEST_WEAVIATE_API_KEY"


def weaviate_settings() -> WeaviateSettings:
    """A collection of the test's own on the server; skips the test where none is named."""
    url = os.environ.get(URL)
    if not url:
        pytest.skip(f"no Weaviate: set {URL} (and {GRPC_PORT}) to test against a real server")
    return WeaviateSettings(
        url=url,
        grpc_port=os.environ.get(GRPC_PORT, "50051"),
        api_key=os.environ.get(API_KEY),
        collection=f"HeadraceTest{uuid4().hex}",
    )


@asynccontextmanager
async def fresh_index(dimension: int) -> AsyncIterator[WeaviateSearchIndex]:
    """An empty index in a collection that is dropped afterwards."""
    settings = weaviate_settings()
    async with dropped_afterwards(settings):
        index = await WeaviateSearchIndex.open(settings, dimension=dimension)
        try:
            yield index
        finally:
            await index.close()


@asynccontextmanager
async def dropped_afterwards(settings: WeaviateSettings) -> AsyncIterator[None]:
    try:
        yield
    finally:
        client = await connect(settings)
        await client.collections.delete(settings.collection)
        await client.close()
