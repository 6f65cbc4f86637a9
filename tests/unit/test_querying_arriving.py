"""Records that the index is yet to be given, in the answers of the query engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.errors import StoreUnavailableError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Answer, Match, Query, SearchFilter, SearchMode
from domain.ports.arriving import Arrivals
from pipelines.arrivals import ArrivalFollower
from pipelines.querying import QueryEngine

FILE = FileId(UUID(int=1))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_record(native_id: str, text: str) -> Record:
    return Record("csv", native_id, ContentType.RECORD, text, Place(0, 1))


async def index_of(*records: Record) -> InMemorySearchIndex:
    embedder, index = HashEmbedder(dimension=64), InMemorySearchIndex(dimension=64)
    chunks = [
        Chunk(derive_chunk_id(one.record_id, 0, "test"), one, 0, one.content, 0, len(one.content))
        for one in records
    ]
    vectors = embedder.embed([chunk.text for chunk in chunks])
    embedded = zip(chunks, vectors, strict=True)
    await index.upsert([EmbeddedChunk(chunk, FILE, vector) for chunk, vector in embedded])
    return index


class Arriving:
    """Records on their way into an index."""

    def __init__(
        self, *records: Record, are_new: bool = True, error: Exception | None = None
    ) -> None:
        self._records = records
        self._are_new = are_new
        self._error = error

    async def search(
        self, text: str, *, limit: int, where: SearchFilter, seen: datetime | None
    ) -> Sequence[Match]:
        if self._error:
            raise self._error
        index, words = await index_of(*self._records), set(text.lower().split())
        found = await index.search_keyword(text, limit=limit, where=where)
        shares = [len(words & set(match.read().text.split())) / len(words) for match in found]
        return [
            match._replace(score=share, is_new=self._are_new, vector=None)
            for match, share in zip(found, shares, strict=True)
        ]

    async def now(self) -> datetime:
        return NOW

    async def look(self, *, seen: datetime | None) -> Arrivals:
        return Arrivals(NOW, bool(self._records), bool(self._records) and self._are_new)

    async def sweep(self) -> int:
        return 0


async def answer_of(
    arriving: Arriving, *indexed: Record, text: str, mode: SearchMode = SearchMode.HYBRID
) -> Answer:
    follower = ArrivalFollower(arriving)
    await follower.follow()
    engine = QueryEngine(await index_of(*indexed), HashEmbedder(dimension=64), arriving=follower)
    return await engine.answer(Query(text, mode))


def shown(answer: Answer) -> list[str]:
    return [hit.candidate.text for hit in answer.hits]


def legs_of(answer: Answer, place: int = 0) -> set[str]:
    return {part.leg for part in answer.hits[place].contributions} - {"neighbours"}


@pytest.mark.parametrize("mode", [SearchMode.HYBRID, SearchMode.KEYWORD])
async def test_an_arriving_record_is_found_and_explained_as_that(mode: SearchMode) -> None:
    arriving = Arriving(a_record("2", "the pump leaks"))
    answer = await answer_of(arriving, text="pump leaks", mode=mode)
    assert (shown(answer), legs_of(answer)) == (["the pump leaks"], {"arriving"})
    assert not answer.is_degraded


async def test_an_arriving_record_with_all_words_stands_beside_the_best_of_the_index() -> None:
    indexed = [a_record("1", "pump leaks"), a_record("3", "a pump")]
    arriving = Arriving(a_record("2", "see the pump leaks"))
    answer = await answer_of(arriving, *indexed, text="pump leaks", mode=SearchMode.KEYWORD)
    assert set(shown(answer)[:2]) == {"pump leaks", "see the pump leaks"}
    assert answer.hits[0].score == pytest.approx(answer.hits[1].score)


async def test_a_changed_record_is_shown_once_as_it_is_now() -> None:
    old, new = a_record("1", "the pump leaks"), a_record("1", "the pump is mended")
    answer = await answer_of(Arriving(new), old, text="pump leaks")
    assert shown(answer) == ["the pump is mended"]
    assert legs_of(answer) == {"arriving", "vector"}


async def test_what_the_index_has_by_now_is_explained_by_the_index() -> None:
    record = a_record("1", "the pump leaks")
    answer = await answer_of(Arriving(record, are_new=False), record, text="pump leaks")
    assert (len(answer.hits), legs_of(answer)) == (1, {"keyword", "vector"})


async def test_what_the_index_has_and_the_reader_has_not_seen_is_found() -> None:
    record = a_record("1", "the pump leaks")
    answer = await answer_of(Arriving(record, are_new=False), text="pump leaks")
    assert shown(answer) == ["the pump leaks"]


@pytest.mark.parametrize(
    ("arriving", "mode"),
    [(Arriving(), SearchMode.HYBRID), (Arriving(a_record("2", "pump")), SearchMode.VECTOR)],
    ids=["nothing arrives", "by meaning alone"],
)
async def test_the_store_is_not_asked_for_nothing(arriving: Arriving, mode: SearchMode) -> None:
    answer = await answer_of(arriving, a_record("1", "pump"), text="pump", mode=mode)
    assert "arriving" not in answer.stages_ms


async def test_a_leg_that_fails_is_left_out_and_named() -> None:
    arriving = Arriving(a_record("2", "pump"), error=StoreUnavailableError("the store is away"))
    answer = await answer_of(arriving, a_record("1", "a pump"), text="pump")
    assert (shown(answer), answer.degraded) == (["a pump"], ("arriving",))


async def test_answers_have_another_mark_each_second_while_records_arrive() -> None:
    busy, idle = ArrivalFollower(Arriving(a_record("1", "pump"))), ArrivalFollower(Arriving())
    await busy.follow()
    await idle.follow()
    assert (busy.mark, idle.mark) == (f"{NOW.timestamp():.0f}", "")
