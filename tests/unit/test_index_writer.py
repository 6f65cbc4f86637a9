from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import numpy as np
import pytest

from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.index_writer import GroupCommitWriter
from domain.errors import DimensionMismatchError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record

DIMENSION = 4


class CountingIndex(InMemorySearchIndex):
    """Counts its commits, and lets each of them wait for the event loop once."""

    commits = 0

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await asyncio.sleep(0)
        await super().upsert(chunks)
        self.commits += 1


def embedded(number: int, *, dimension: int = DIMENSION) -> EmbeddedChunk:
    record = Record("csv", str(number), ContentType.RECORD, "text", Place(0, 4))
    chunk = Chunk(derive_chunk_id(record.record_id, 0, "m"), record, 0, "text", 0, 4)
    return EmbeddedChunk(chunk, FileId(uuid4()), np.ones(dimension, np.float32) / 2)


async def test_an_upsert_that_returned_is_in_the_index() -> None:
    index = CountingIndex(dimension=DIMENSION)

    await GroupCommitWriter(index).upsert([embedded(1), embedded(2)])

    assert await index.count() == 2


async def test_callers_that_wait_together_share_a_commit() -> None:
    index = CountingIndex(dimension=DIMENSION)
    writer = GroupCommitWriter(index)

    async with asyncio.TaskGroup() as callers:
        for number in range(20):
            callers.create_task(writer.upsert([embedded(number)]))

    assert await index.count() == 20
    assert index.commits <= 2


async def test_a_commit_that_fails_fails_for_its_caller() -> None:
    writer = GroupCommitWriter(CountingIndex(dimension=DIMENSION))

    with pytest.raises(DimensionMismatchError):
        await writer.upsert([embedded(1, dimension=DIMENSION + 1)])


async def test_a_failed_commit_does_not_stop_the_next() -> None:
    index = CountingIndex(dimension=DIMENSION)
    writer = GroupCommitWriter(index)
    with pytest.raises(DimensionMismatchError):
        await writer.upsert([embedded(1, dimension=DIMENSION + 1)])

    await writer.upsert([embedded(2)])

    assert await index.count() == 1


async def test_a_commit_that_fails_harms_no_one_who_shared_it() -> None:
    index = CountingIndex(dimension=DIMENSION)
    writer = GroupCommitWriter(index)

    outcomes = await asyncio.gather(
        writer.upsert([embedded(1)]),
        writer.upsert([embedded(2, dimension=DIMENSION + 1)]),
        writer.upsert([embedded(3)]),
        return_exceptions=True,
    )

    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await index.count() == 2
