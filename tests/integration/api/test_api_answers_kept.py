"""Answers that are kept, and the history of what was asked, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.redis.cache import RedisCache, RedisOptions
from domain.models.chunks import Embedding
from domain.models.search import Match, SearchFilter

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

TICKETS = (
    b"subject,body\nRenewal,Acme asks about the renewal price\nOutage,The login page is down\n"
)
LATE = b"subject,body\nLate,Another renewal comes late\n"
SEEN_SECONDS = 30.0


class CountingIndex(InMemorySearchIndex):
    searches = 0

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        self.searches += 1
        await asyncio.sleep(0)
        return await super().search_vector(embedding, limit=limit, where=where, text=text)


class CountingEmbedder(HashEmbedder):
    texts = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        return super().embed(texts)


async def settled(api: Api) -> None:
    """Let the reader see what was imported."""
    generation = await api.services.metadata.events.generation()
    async with asyncio.timeout(SEEN_SECONDS):
        while api.app.state.context.follower.generation != generation:
            await api.services.metadata.events.wait(timeout_seconds=0.01)


async def metric(api: Api, line: str) -> float:
    text = (await api.client.get("/metrics")).text
    return next(
        (float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line)), 0.0
    )


async def test_an_import_is_seen_by_the_next_query_in_spite_of_the_cache(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    await settled(api)
    await api.query("renewal")
    kept = await api.query("renewal")

    await api.import_file("late.csv", LATE)
    await settled(api)
    anew = await api.query("renewal")

    assert (kept["cached"], anew["cached"]) == (True, False)
    assert "Late" in [hit["title"] for hit in anew["hits"]]


async def test_a_kept_answer_is_the_answer(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    await settled(api)
    first = await api.query("renewal", explain=True)
    second = await api.query("renewal", explain=True)
    assert second["hits"] == first["hits"]


async def test_two_hundred_equal_queries_cost_one_embedding_and_one_search(
    open_api: OpenApi,
) -> None:
    index, embedder = CountingIndex(dimension=HashEmbedder().dimension), CountingEmbedder()
    async with open_api(index=index, embedder=embedder) as api:
        await api.import_file("tickets.csv", TICKETS)
        await settled(api)
        embedder.texts = 0
        await asyncio.gather(*(api.query("renewal") for _ in range(200)))
        assert (index.searches, embedder.texts) == (1, 1)
        assert await metric(api, "headrace_query_embeddings_total") == 1
        assert await metric(api, 'headrace_cache_requests_total{outcome="miss"}') == 1


async def test_another_filter_costs_no_embedding(open_api: OpenApi) -> None:
    embedder = CountingEmbedder()
    async with open_api(embedder=embedder) as api:
        await api.query("renewal")
        await api.query("renewal", sources=["csv"])
        assert embedder.texts == 1


async def test_the_history_shows_what_was_asked_and_forgets_whom_it_shall(api: Api) -> None:
    await api.import_file("tickets.csv", TICKETS)
    ann = {"X-Headrace-User": "ann"}
    for _ in range(2):
        await api.client.post("/v1/query", json={"query": "renewal"}, headers=ann)
    await api.query("unfindable", filters={"subject": "nothing"})

    top = (await api.client.get("/v1/history")).json()["queries"]
    empty = (await api.client.get("/v1/history", params={"view": "empty"})).json()["queries"]
    similar = await api.client.get("/v1/history/similar", params={"query": "renewal", "limit": 1})
    forgotten = await api.client.delete("/v1/history", params={"asked_by": "ann"})
    left = (await api.client.get("/v1/history")).json()["queries"]

    assert [(each["text"], each["times"]) for each in top] == [("renewal", 2), ("unfindable", 1)]
    assert [each["text"] for each in empty] == ["unfindable"]
    assert similar.json()["queries"][0]["similarity"] == pytest.approx(1.0)
    assert forgotten.json() == {"forgotten": 2}
    assert [each["text"] for each in left] == ["unfindable"]


@pytest.mark.external_service
async def test_replicas_share_answers_and_see_an_import_within_a_second(
    open_api: OpenApi, redis_url: str
) -> None:
    index = CountingIndex(dimension=HashEmbedder().dimension)
    prefix = f"test:{uuid4().hex}:"
    async with (
        redis_cache(redis_url, prefix) as near_one,
        redis_cache(redis_url, prefix) as near_other,
        open_api(index=index, cache=near_one) as one,
        open_api(index=index, cache=near_other) as other,
    ):
        await one.import_file("tickets.csv", TICKETS)
        await settled(one)
        await settled(other)
        await one.query("renewal")
        shared = await other.query("renewal")
        searches = index.searches

        await one.import_file("late.csv", LATE)
        await settled(other)
        anew = await other.query("renewal")

    assert (shared["cached"], searches) == (True, 1)
    assert "Late" in [hit["title"] for hit in anew["hits"]]


@asynccontextmanager
async def redis_cache(url: str, prefix: str) -> AsyncIterator[RedisCache]:
    cache = RedisCache(RedisOptions(url=url, prefix=prefix))
    try:
        yield cache
    finally:
        await cache.close()
