"""Indexes that leave words to us score alike, whatever they keep of a text's length."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest

from actors.adapters.english import filling
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter
from domain.ports.search_index import SearchIndex
from tests.weaviate_server import fresh_index

DIMENSION = 4
LENGTHS = [*range(1, 160, 3), *range(319, 160, -3)]
"""With one near the mean at the end."""

FILE = FileId(uuid5(NAMESPACE_OID, "file"))


def embedded(native_id: str, words: list[str]) -> EmbeddedChunk:
    text = " ".join(words)
    record = Record("csv", native_id, ContentType.RECORD, text, Place(0, 1))
    chunk_id = derive_chunk_id(record.record_id, 0, "test")
    vector = np.full(DIMENSION, 0.5, np.float32)
    return EmbeddedChunk(Chunk(chunk_id, record, 0, text, 0, len(text)), FILE, vector)


@pytest.fixture(
    params=["tantivy", pytest.param("weaviate", marks=pytest.mark.external_service)],
)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SearchIndex]:
    if request.param == "weaviate":
        async with fresh_index(DIMENSION) as opened:
            yield opened
        return
    opened = await TantivySearchIndex.open(tmp_path / "index", dimension=DIMENSION)
    yield opened
    await opened.close()


@pytest.mark.parametrize("question", ["pump", "pump valve", "valve b7"])
async def test_scores_are_those_of_the_textbook_for_texts_of_filled_lengths(
    index: SearchIndex, question: str
) -> None:
    textbook = InMemorySearchIndex(dimension=DIMENSION)
    texts = {
        str(n): ["pump", *(["valve"] if n % 2 else []), *(f"b{i}" for i in range(n))][:n]
        for n in LENGTHS
    }
    await index.upsert([embedded(name, words) for name, words in texts.items()])
    await textbook.upsert(
        [embedded(name, [*words, *filling(len(words))]) for name, words in texts.items()]
    )
    # Weaviate counts a batch's last object, which is sent twice, twice in the mean length until it
    # has written out what it has in memory; a wrong length would be off by up to 4 %.
    tolerance = 1e-5 if isinstance(index, TantivySearchIndex) else 1e-3
    found, expected = [
        {
            match.record_id: match.score
            for match in await each.search_keyword(question, limit=400, where=SearchFilter())
        }
        for each in (index, textbook)
    ]
    assert found == pytest.approx(expected, rel=tolerance)


async def test_what_makes_texts_longer_is_not_found(index: SearchIndex) -> None:
    await index.upsert([embedded("long", [f"b{n}" for n in range(41)])])
    [filler] = filling(41)
    assert not await index.search_keyword(filler, limit=1, where=SearchFilter())
