"""An index is made again from records, and vectors are taken over where the text is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.chunking import ChunkLimits, chunk_record
from domain.errors import ConflictError
from domain.models.chunks import LEFT_OUT, EmbeddedChunk
from domain.models.ids import FileId, GroupId, RecordId
from domain.models.records import Record, StoredRecord
from domain.models.search import Candidate, SearchFilter
from domain.ports.indexed_content import StoredGroup
from domain.ports.search_index import SearchIndex
from pipelines.chunk_pages import PageMark, PageSizes
from pipelines.filling import Filled, IndexFiller, IndexVectors
from tests.store_builders import a_record

LIMITS = ChunkLimits()
MODEL = HashEmbedder().model
FILE = FileId(uuid4())


@dataclass
class Content:
    """Confirmed records of one file, in memory."""

    stored: list[StoredRecord]
    counts: dict[RecordId, int] = field(default_factory=dict)

    async def records(self, *, after: RecordId | None, limit: int) -> Sequence[StoredRecord]:
        ordered = sorted(self.stored, key=lambda one: one.record_id)
        return [one for one in ordered if after is None or one.record_id > after][:limit]

    async def groups(self, *, after: GroupId | None, limit: int) -> Sequence[StoredGroup]:
        return []

    async def models(self) -> frozenset[str]:
        return frozenset({MODEL})

    async def forget_unconfirmed(self) -> None: ...

    async def recount(self, records: Mapping[RecordId, int], groups: Mapping[GroupId, int]) -> None:
        self.counts |= records


def content_of(*records: Record, model: str = MODEL, chunk_count: int = 1) -> Content:
    return Content(
        [StoredRecord(one.record_id, one, FILE, "csv-1", chunk_count, model) for one in records]
    )


def embedded(*records: Record) -> list[EmbeddedChunk]:
    """The chunks that an import of the records would have written."""
    chunks = [chunk for one in records for chunk in chunk_record(one, model=MODEL, limits=LIMITS)]
    vectors = HashEmbedder().embed([chunk.embedding_text for chunk in chunks])
    return [
        EmbeddedChunk(chunk, FILE, vector) for chunk, vector in zip(chunks, vectors, strict=True)
    ]


async def index_of(*records: Record) -> SearchIndex:
    index = InMemorySearchIndex(dimension=HashEmbedder().dimension)
    await index.upsert(embedded(*records))
    return index


@dataclass
class Filling:
    """A target index, and the marks at which it was durable."""

    index: SearchIndex
    marks: list[PageMark] = field(default_factory=list)

    async def run(
        self, content: Content, source: SearchIndex, *, after: PageMark | None = None
    ) -> Filled:
        async def keep(mark: PageMark, filled: Filled) -> None:
            self.marks.append(mark)

        filler = IndexFiller(
            content,
            self.index,
            HashEmbedder(),
            IndexVectors(source),
            limits=LIMITS,
            sizes=PageSizes(records=2, groups=2),
        )
        return await filler.run(after, on_page=keep)


@pytest.fixture
def filling() -> Filling:
    return Filling(InMemorySearchIndex(dimension=HashEmbedder().dimension))


async def shown(index: SearchIndex, text: str) -> list[Candidate]:
    found = await index.search_keyword(text, limit=10, where=SearchFilter())
    return [one.read() for one in found]


PUMPS = [a_record(str(number), f"pump {number}") for number in range(5)]


async def test_known_vectors_are_not_embedded_again(filling: Filling) -> None:
    source = await index_of(*PUMPS)
    assert await filling.run(content_of(*PUMPS), source) == Filled(chunks=5, embedded=0)
    assert await shown(filling.index, "pump") == await shown(source, "pump")


async def test_a_text_that_has_changed_since_is_embedded_anew(filling: Filling) -> None:
    source = await index_of(replace(PUMPS[0], content="valve"), *PUMPS[1:])
    assert await filling.run(content_of(*PUMPS), source) == Filled(chunks=5, embedded=1)
    assert len(await shown(filling.index, "pump")) == 5


async def test_what_the_records_do_not_give_is_left_behind(filling: Filling) -> None:
    source = await index_of(*PUMPS)
    assert await filling.run(content_of(PUMPS[0]), source) == Filled(chunks=1, embedded=0)


async def test_it_goes_on_after_the_page_that_was_durable(filling: Filling) -> None:
    source = await index_of(*PUMPS)
    await filling.run(content_of(*PUMPS), source)
    again = PageMark.from_text(filling.marks[0].to_text())
    rest = await filling.run(content_of(*PUMPS), source, after=again)
    assert rest == Filled(chunks=3, embedded=0)
    assert filling.marks[3:] == filling.marks[1:3]


async def test_another_number_of_chunks_is_noted(filling: Filling) -> None:
    content = content_of(PUMPS[0], chunk_count=3)
    await filling.run(content, await index_of(PUMPS[0]))
    assert content.counts == {PUMPS[0].record_id: 1}


async def test_what_another_model_embedded_cannot_be_embedded_anew(filling: Filling) -> None:
    with pytest.raises(ConflictError, match="model-b"):
        await filling.run(content_of(PUMPS[0], model="model-b"), await index_of())


async def test_hits_of_a_record_with_much_metadata_show_the_same_part_of_it(
    tmp_path: Path,
) -> None:
    """Rows keep no order of metadata, and an index shows the first 4 KiB."""
    metadata: dict[str, Any] = {f"field {number:03}": "x" * 50 for number in range(150)}
    wide = a_record("wide", "pump", metadata=metadata)
    in_another_order = replace(wide, metadata=dict(sorted(metadata.items(), reverse=True)))
    async with disk_index(tmp_path / "a") as source, disk_index(tmp_path / "b") as target:
        await source.upsert(embedded(wide))
        await Filling(target).run(content_of(in_another_order), source)
        [before], [after] = await shown(source, "pump"), await shown(target, "pump")
    assert before.metadata[LEFT_OUT] > 0
    assert after.metadata == before.metadata


@asynccontextmanager
async def disk_index(directory: Path) -> AsyncIterator[SearchIndex]:
    index = await TantivySearchIndex.open(directory, dimension=HashEmbedder().dimension)
    yield index
    await index.close()
