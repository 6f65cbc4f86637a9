"""A side that was filled by imports, and places to which it is moved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.postgres.long_connection import long_connection
from actors.adapters.postgres.moved_database import MovedDatabase
from actors.adapters.postgres.row_source import reading
from actors.adapters.postgres.store import PostgresMetadataStore
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.chunking import ChunkLimits
from domain.models.chunks import EmbeddedChunk
from domain.models.files import ImportOptions
from domain.models.search import Candidate, SearchFilter
from domain.ports.moving import RowPage
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex
from pipelines.chunk_pages import PageSizes
from pipelines.filling import IndexVectors
from pipelines.moving import Load, MoveReport, Place, move
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of

SIZES = PageSizes(records=40, groups=3)
ROWS_BY_ID = ImportOptions(id_column="id")
QUESTIONS = ("body of row 7", "subject 91", "pump", "who repairs the valve", "day 3 leak")


class Interrupted(Exception):
    """The process was killed here."""


class InterruptedDatabase(MovedDatabase):
    """Takes some pages of rows, then dies."""

    appends_left = 3

    async def append(self, page: RowPage) -> None:
        if not self.appends_left:
            raise Interrupted
        self.appends_left -= 1
        await super().append(page)


class InterruptedIndex:
    """Takes some pages of chunks, then dies; the last of them is written, but nobody hears."""

    def __init__(self, index: SearchIndex, *, upserts: int) -> None:
        self._index = index
        self._upserts_left = upserts

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await self._index.upsert(chunks)
        self._upserts_left -= 1
        if not self._upserts_left:
            raise Interrupted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)


@dataclass
class Target:
    """Stores of a target that is moved to in one or several runs."""

    dsn: str
    objects: ObjectStore
    index: SearchIndex
    embedder: CountingEmbedder = field(default_factory=CountingEmbedder)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ImportSide]:
        metadata = await PostgresMetadataStore.open(self.dsn)
        try:
            yield ImportSide(metadata, self.objects, self.index, self.embedder)
        finally:
            await metadata.close()

    async def take(
        self,
        load: Load,
        *,
        start_over: bool = False,
        kind: type[MovedDatabase] = MovedDatabase,
    ) -> MoveReport:
        async with long_connection(self.dsn) as connection:
            database = kind(self.dsn, connection)
            return await move(load, Place(database, self.open), start_over=start_over)

    async def die_among_rows(self, load: Load, *, start_over: bool = False) -> None:
        with pytest.raises(Interrupted):
            await self.take(load, start_over=start_over, kind=InterruptedDatabase)

    async def die_among_chunks(self, load: Load, *, upserts: int) -> None:
        dying = replace(self, index=InterruptedIndex(self.index, upserts=upserts))
        with pytest.raises(Interrupted):
            await dying.take(load)


async def filled(side: ImportSide) -> ImportSide:
    files = {
        "rows.csv": csv_of(100),
        "export.zip": slack_export(conversations()),
        "broken.csv": b"\x00\x01\x02",
    }
    async with side.conducted():
        uploaded = [await side.upload(name, files[name], ROWS_BY_ID) for name in files]
        for file_id in uploaded:
            await side.finished(file_id)
    return side


def conversations() -> dict[str, list[dict[str, str]]]:
    """Seven days of a channel, each with a passage of its own."""
    return {
        f"general/2023-11-{10 + day}": [
            slack_message(f"day {day}: pump {n} leaks", ts=f"{1_700_000_000 + 86_400 * day + n}.0")
            for n in range(4)
        ]
        for day in range(7)
    }


@asynccontextmanager
async def loaded(source: ImportSide, dsn: str) -> AsyncIterator[Load]:
    async with reading(dsn, rows_per_page=60) as rows:
        models = await rows.content.models()
        vectors = IndexVectors(source.index)
        yield Load(rows, source.objects, vectors, ChunkLimits(), models, SIZES)


@asynccontextmanager
async def disk_index(directory: Path) -> AsyncIterator[SearchIndex]:
    index = await TantivySearchIndex.open(directory, dimension=HashEmbedder().dimension)
    yield index
    await index.close()


async def answers(index: SearchIndex) -> list[list[Candidate]]:
    """Everything that both legs find, the best first, of equals the least id."""
    embedder, everything = HashEmbedder(), SearchFilter()
    found = []
    for question in QUESTIONS:
        vector = embedder.embed([question])[0]
        for leg in (
            await index.search_keyword(question, limit=500, where=everything),
            await index.search_vector(vector, limit=500, where=everything),
        ):
            hits = [replace(one.read(), score=round(one.score, 4)) for one in leg]
            found.append(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id)))
    return found
