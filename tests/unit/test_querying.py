from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.blend_options import BlendOptions, Collapse, FusionMethod
from domain.errors import (
    DimensionMismatchError,
    EmbedderUnavailableError,
    IndexUnavailableError,
    InvalidQueryError,
    StoreUnavailableError,
)
from domain.models.chunks import Chunk, EmbeddedChunk, Embedding
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Match, Query, SearchFilter, SearchMode
from pipelines.querying import QueryEngine
from pipelines.understanding import MAX_QUERY_CHARS

TEXTS = (
    "the pump in hall three leaks",
    "the customer asked for a discount",
    "renewal of the contract",
    "oil prices rise in winter",
)


class BrokenVectors(InMemorySearchIndex):
    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        raise IndexUnavailableError("the disk is gone")


class EndlessKeywords(InMemorySearchIndex):
    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        return await asyncio.Future()


class Backwards(InMemorySearchIndex):
    """Has another order of equal scores."""

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        return turned(await super().search_vector(embedding, limit=limit, where=where, text=text))

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        return turned(await super().search_keyword(text, limit=limit, where=where))


def turned(matches: list[Match]) -> list[Match]:
    return sorted(matches, key=lambda match: (match.score, match.chunk_id), reverse=True)


class BrokenEverywhere(BrokenVectors, EndlessKeywords):
    pass


async def engine_over(
    index: InMemorySearchIndex, texts: Sequence[str] = TEXTS, **options: object
) -> QueryEngine:
    embedder = HashEmbedder(dimension=index.dimension)
    records = [
        Record("slack", f"{n} {t}", ContentType.MESSAGE, t, Place(0, 1))
        for n, t in enumerate(texts)
    ]
    chunks = [
        Chunk(derive_chunk_id(record.record_id, 0, "test"), record, 0, record.content, 0, 1)
        for record in records
    ]
    file_id = FileId(uuid5(NAMESPACE_OID, "file"))
    await index.upsert(
        [
            EmbeddedChunk(chunk, file_id, vector)
            for chunk, vector in zip(chunks, embedder.embed(texts), strict=True)
        ]
    )
    return QueryEngine(index, embedder, **options)


async def engine(**options: object) -> QueryEngine:
    return await engine_over(InMemorySearchIndex(dimension=64), **options)


@pytest.mark.parametrize("mode", SearchMode)
async def test_every_mode_finds_the_text_that_was_meant(mode: SearchMode) -> None:
    answer = await (await engine()).answer(Query("leaks pump", mode))
    assert answer.hits[0].candidate.text == TEXTS[0]
    assert answer.degraded == ()


@pytest.mark.parametrize("method", FusionMethod)
@pytest.mark.parametrize("mode", SearchMode)
async def test_equal_scores_have_one_order_whatever_the_index(
    mode: SearchMode, method: FusionMethod
) -> None:
    answers = []
    for index in (InMemorySearchIndex(dimension=64), Backwards(dimension=64)):
        engine = await engine_over(index, texts=["the pump leaks"] * 12)
        options = BlendOptions(method, collapse=Collapse.NONE)
        answers.append(await engine.answer(Query("pump", mode), options))
    shown = [[hit.candidate.record_id for hit in answer.hits] for answer in answers]
    assert len(shown[0]) == 10
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("mode", "stages"),
    [
        (SearchMode.HYBRID, {"embed", "vector", "keyword", "blend"}),
        (SearchMode.VECTOR, {"embed", "vector", "blend"}),
        (SearchMode.KEYWORD, {"keyword", "blend"}),
    ],
)
async def test_the_answer_says_how_long_each_stage_took(mode: SearchMode, stages: set[str]) -> None:
    answer = await (await engine()).answer(Query("pump", mode))
    assert set(answer.stages_ms) == stages
    assert answer.took_ms >= max(answer.stages_ms.values())


async def test_a_hybrid_hit_is_explained_by_both_legs() -> None:
    answer = await (await engine()).answer(Query("pump leaks"))
    names = [part.leg for part in answer.hits[0].contributions]
    assert names == ["keyword", "vector", "neighbours"]


async def test_an_answer_has_at_most_limit_hits() -> None:
    answer = await (await engine()).answer(Query("pump customer oil", limit=2))
    assert len(answer.hits) == 2


async def test_a_limit_above_the_candidates_is_still_reached() -> None:
    answer = await (await engine(candidates_per_leg=1)).answer(
        Query("pump", SearchMode.VECTOR, limit=4)
    )
    assert len(answer.hits) == 4


async def test_the_filter_reaches_both_legs() -> None:
    where = SearchFilter(sources=("gong",))
    assert (await (await engine()).answer(Query("pump", where=where))).hits == ()


async def test_options_of_a_query_replace_the_engines_own() -> None:
    ranks = BlendOptions(FusionMethod.RECIPROCAL_RANK, leg_weights={"keyword": 0.0}, neighbours=0.0)
    answer = await (await engine()).answer(Query(TEXTS[0]), ranks)
    assert [part.weight for part in answer.hits[0].contributions] == [0.0, 1.0]


async def test_a_leg_that_fails_is_left_out_and_named() -> None:
    degraded = await engine_over(BrokenVectors(dimension=64))
    answer = await degraded.answer(Query("pump"))
    assert (answer.degraded, answer.hits[0].candidate.text) == (("vector",), TEXTS[0])


async def test_a_leg_that_is_late_is_left_out_and_named() -> None:
    degraded = await engine_over(EndlessKeywords(dimension=64), leg_deadline_seconds=0.5)
    answer = await degraded.answer(Query("leaks pump"))
    assert (answer.degraded, answer.hits[0].candidate.text) == (("keyword",), TEXTS[0])


async def test_no_leg_at_all_is_an_error_that_names_the_reasons() -> None:
    broken = await engine_over(BrokenEverywhere(dimension=64), leg_deadline_seconds=0.5)
    with pytest.raises(IndexUnavailableError, match=r"the disk is gone.*keyword: too late"):
        await broken.answer(Query("pump"))


async def test_a_wrong_embedder_is_an_error_not_a_degraded_answer() -> None:
    wrong = QueryEngine(InMemorySearchIndex(dimension=8), HashEmbedder(dimension=64))
    with pytest.raises(DimensionMismatchError):
        await wrong.answer(Query("pump"))


MAY, JUNE = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (Query(""), "empty"),
        (Query(" \n "), "empty"),
        (Query("x" * (MAX_QUERY_CHARS + 1)), "longer"),
        (Query("pump", limit=0), "limit"),
        (Query("pump", limit=201), "limit"),
        (Query("pump", where=SearchFilter(since=JUNE, until=MAY)), "earlier"),
        (Query("pump", where=SearchFilter(since=datetime(2024, 5, 1))), "time zone"),  # noqa: DTZ001
    ],
)
async def test_a_senseless_query_is_refused_with_the_reason(query: Query, reason: str) -> None:
    with pytest.raises(InvalidQueryError, match=reason):
        await (await engine()).answer(query)


class Words:
    """The store's full text, which knows one record."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self._index = InMemorySearchIndex(dimension=64)

    async def search(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        if self._error:
            raise self._error
        full = await engine_over(self._index)
        return await full._index.search_keyword(text, limit=limit, where=where)


class BrokenEmbedder(HashEmbedder):
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        raise EmbedderUnavailableError("the endpoint is away")


@pytest.mark.parametrize("mode", SearchMode)
async def test_full_text_answers_when_no_leg_does(mode: SearchMode) -> None:
    broken = await engine_over(
        BrokenEverywhere(dimension=64), leg_deadline_seconds=0.5, full_text=Words()
    )
    answer = await broken.answer(Query("leaks pump", mode))
    assert answer.hits[0].candidate.text == TEXTS[0]
    assert [part.leg for part in answer.hits[0].contributions] == ["full_text"]
    assert answer.is_degraded


async def test_full_text_is_not_asked_while_a_leg_answers() -> None:
    degraded = await engine_over(BrokenVectors(dimension=64), full_text=Words())
    assert "full_text" not in (await degraded.answer(Query("pump"))).stages_ms


async def test_the_keyword_leg_stands_in_for_vectors_that_cannot_be_made() -> None:
    made = await engine()
    degraded = QueryEngine(made._index, BrokenEmbedder(dimension=64))
    answer = await degraded.answer(Query("leaks pump", SearchMode.VECTOR))
    assert (answer.degraded, answer.hits[0].candidate.text) == (("vector",), TEXTS[0])


async def test_when_full_text_fails_too_the_error_names_all_reasons() -> None:
    broken = await engine_over(
        BrokenEverywhere(dimension=64),
        leg_deadline_seconds=0.5,
        full_text=Words(StoreUnavailableError("the store is away")),
    )
    with pytest.raises(IndexUnavailableError, match=r"disk is gone.*too late.*store is away"):
        await broken.answer(Query("pump"))


async def test_an_answer_says_what_it_had_to_do_without() -> None:
    answer = await (await engine(unavailable=lambda: ["postgres"])).answer(Query("pump"))
    assert (answer.unavailable, answer.degraded, answer.is_degraded) == (("postgres",), (), True)
