"""What only the vectors found is scored by words, too, if that can be done in time."""

from __future__ import annotations

import asyncio
from uuid import NAMESPACE_OID, uuid5

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.errors import IndexUnavailableError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Answer, Match, Query, Scope, SearchFilter
from pipelines.querying import QueryEngine

BY_MEANING = "the pump in hall three has a small leak"
BY_WORDS = tuple(f"pump {'pump ' * n}number {n}" for n in range(1, 4))


class FailingComparison(InMemorySearchIndex):
    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        if where.within is not None:
            raise IndexUnavailableError("the disk is gone")
        return await super().search_keyword(text, limit=limit, where=where)


class EndlessComparison(InMemorySearchIndex):
    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        if where.within is not None:
            await asyncio.Future()
        return await super().search_keyword(text, limit=limit, where=where)


async def engine_over(index: InMemorySearchIndex, **options: object) -> QueryEngine:
    """Two candidates a leg: the words find those that say *pump* most, vectors ``BY_MEANING``."""
    embedder = HashEmbedder(dimension=index.dimension)
    texts = (BY_MEANING, *BY_WORDS)
    vectors = embedder.embed(["pump", "far", "farther", "away"])
    records = [
        Record("slack", text, ContentType.MESSAGE, text, Place(0, 1), visibility=("all",))
        for text in texts
    ]
    chunks = [
        Chunk(derive_chunk_id(one.record_id, 0, "x"), one, 0, one.content, 0, 1) for one in records
    ]
    file_id = FileId(uuid5(NAMESPACE_OID, "file"))
    pairs = zip(chunks, vectors, strict=True)
    await index.upsert([EmbeddedChunk(chunk, file_id, vector) for chunk, vector in pairs])
    return QueryEngine(index, embedder, candidates_per_leg=2, **options)


async def asked(index: InMemorySearchIndex, **options: object) -> Answer:
    asking = await engine_over(index, **options)
    return await asking.answer(Query("pump", limit=2, where=SearchFilter(scope=Scope(("all",)))))


def legs_of(answer: Answer, text: str) -> dict[str, int | None]:
    [hit] = [hit for hit in answer.hits if hit.candidate.text == text]
    assert hit.score == sum(part.addend for part in hit.contributions)
    return {part.leg: part.rank for part in hit.contributions}


async def test_what_only_vectors_found_has_the_score_that_its_words_deserve() -> None:
    answer = await asked(InMemorySearchIndex(dimension=64))
    assert legs_of(answer, BY_MEANING)["keyword"] == 3
    assert "compare" in answer.stages_ms
    assert answer.degraded == ()


async def test_the_comparison_can_be_switched_off() -> None:
    answer = await asked(InMemorySearchIndex(dimension=64), compares_by_words=False)
    assert "keyword" not in legs_of(answer, BY_MEANING)
    assert "compare" not in answer.stages_ms


@pytest.mark.parametrize("index", [FailingComparison, EndlessComparison])
async def test_an_answer_does_without_a_comparison_that_fails_or_is_late(
    index: type[InMemorySearchIndex],
) -> None:
    answer = await asked(index(dimension=64), leg_deadline_seconds=0.2)
    assert "keyword" not in legs_of(answer, BY_MEANING)
    assert answer.degraded == ("compare",)


async def test_words_that_found_all_they_can_are_not_asked_again() -> None:
    asking = await engine_over(FailingComparison(dimension=64))
    answer = await asking.answer(Query("number 2", limit=4))
    assert "compare" not in answer.stages_ms
    assert answer.degraded == ()
