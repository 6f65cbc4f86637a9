"""Queries that come while others are embedded are embedded together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.adapters.memory.hash_embedder import HashEmbedder
from domain.errors import EmbedderUnavailableError
from pipelines.embedding_queries import MAX_SHORT_CHARS, MAX_TOGETHER, QueryBatches


class Held(HashEmbedder):
    """Begins with a run that lasts until it is let go; fails with texts that say so."""

    def __init__(self, *, dimension: int = 8) -> None:
        super().__init__(dimension=dimension)
        self.runs: list[list[str]] = []
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.runs.append(list(texts))
        self.has_begun.set()
        assert self.may_end.wait(10)
        if "broken" in texts:
            raise EmbedderUnavailableError("the model is gone")
        return super().embed(texts)


async def running(batches: QueryBatches, embedder: Held) -> asyncio.Task[NDArray[np.float32]]:
    """A first query, whose run goes on."""
    first = asyncio.create_task(batches.embed(embedder, "first"))
    assert await asyncio.to_thread(embedder.has_begun.wait, 10)
    return first


async def first_steps() -> None:
    """Let tasks that were made take their first step, in the order in which they were made."""
    await asyncio.sleep(0)


async def test_who_comes_during_a_run_shares_the_next_one() -> None:
    batches, embedder = QueryBatches(), Held()
    texts = [f"text {number}" for number in range(MAX_TOGETHER + 1)]
    first = await running(batches, embedder)
    others = [asyncio.create_task(batches.embed(embedder, text)) for text in texts]
    await first_steps()
    embedder.may_end.set()
    rows = await asyncio.gather(first, *others)
    assert embedder.runs == [["first"], texts[:MAX_TOGETHER], texts[MAX_TOGETHER:]]
    np.testing.assert_array_equal(rows, HashEmbedder(dimension=8).embed(["first", *texts]))


async def test_an_error_is_that_of_its_run_alone() -> None:
    batches, embedder = QueryBatches(), Held()
    first = await running(batches, embedder)
    broken = [asyncio.create_task(batches.embed(embedder, text)) for text in ("broken", "beside")]
    await first_steps()
    embedder.may_end.set()
    assert (await first).shape == (8,)
    for one in broken:
        with pytest.raises(EmbedderUnavailableError):
            await one
    assert (await batches.embed(embedder, "later")).shape == (8,)


async def test_who_asks_another_model_has_a_run_of_its_own() -> None:
    batches, one, other = QueryBatches(), Held(), Held(dimension=16)
    other.may_end.set()
    first = await running(batches, one)
    waiting = [
        asyncio.create_task(batches.embed(embedder, text))
        for embedder, text in ((one, "a"), (other, "b"), (one, "c"))
    ]
    await first_steps()
    one.may_end.set()
    assert [row.shape for row in await asyncio.gather(first, *waiting)] == [(8,), (8,), (16,), (8,)]
    assert (one.runs, other.runs) == ([["first"], ["a", "c"]], [["b"]])


async def test_who_has_given_up_is_not_embedded() -> None:
    batches, embedder = QueryBatches(), Held()
    first = await running(batches, embedder)
    gone = asyncio.create_task(batches.embed(embedder, "gone"))
    await first_steps()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    embedder.may_end.set()
    await first
    assert (await batches.embed(embedder, "later")).shape == (8,)
    assert embedder.runs == [["first"], ["later"]]


async def test_a_long_text_does_not_wait_for_short_ones() -> None:
    batches, short, long = QueryBatches(), Held(), Held()
    long.may_end.set()
    first = await running(batches, short)
    assert (await batches.embed(long, "p" * (MAX_SHORT_CHARS + 1))).shape == (8,)
    assert not first.done()
    short.may_end.set()
    await first
