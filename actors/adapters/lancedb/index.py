"""The search index of the embedded profile: one LanceDB table, read and written in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self, TypeVar
from uuid import UUID

from lancedb.db import AsyncConnection
from lancedb.index import HnswSq, IvfSq
from lancedb.query import AsyncStandardQuery, ColumnOrdering, MatchQuery
from lancedb.table import AsyncTable

from actors.adapters.lancedb.opening import open_table
from actors.adapters.lancedb.predicates import one_of, predicate_of, quoted
from actors.adapters.lancedb.rows import (
    HIT_COLUMNS,
    kept_chunks,
    merge_portions,
    rows_of,
    to_table,
)
from actors.adapters.on_disk.errors import translated
from actors.adapters.on_disk.row_cache import RowCache
from actors.adapters.on_disk.rows import Row, to_match
from domain.errors import DimensionMismatchError
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import KeptChunk, Match, SearchFilter
from domain.words import asked_words

Found = TypeVar("Found")

MICROSECONDS = 1_000_000
NEWEST_FIRST = [
    ColumnOrdering(column_name="timestamp_us", ascending=False, nulls_first=False),
    ColumnOrdering(column_name="chunk_id", ascending=True, nulls_first=False),
]

IDS_PER_STATEMENT = 1_000
GRAPH_MIN_ROWS = 50_000
ROWS_PER_GRAPH = 250_000
VECTOR_INDEX = "vector_idx"
MAX_QUERY_WORDS = 256
MIN_EXPLORED = 150
"""Graph nodes that a vector search keeps in sight; recall@10 is 0.99 from 100 on."""

ROW_CACHE_BYTES = 96 * 1024 * 1024
READ_AHEAD_ROWS = 60_000
"""About as many as the cache holds."""

READ_AHEAD_STEP = 500
"""Rows between which queries get their turn, a few milliseconds each."""

_TYPE_NAMES = {HnswSq: "IvfHnswSq", IvfSq: "IvfSq"}
_MAX_PARTS = {HnswSq: 4, IvfSq: 1}
"""Six parts instead of one double the CPU time of a search (17 against 9 ms at 27,000 rows);
rebuilding costs 0.6 s there for a scan, much more for a graph."""

DISTANCE: Literal["l2"] = "l2"
"""Squared; of unit vectors it is 2 - 2 cos. Asked for ``cosine``, Lance gives 1 - cos for fresh
rows and 2 - 2 cos for those in the graph, so that the two would not compare."""

KEEP_VERSIONS = timedelta(minutes=10)
"""A reader that has not refreshed for so long finds its files gone, and refreshes by itself."""


class LanceSearchIndex:
    """Fulfils ``SearchIndex``. One process writes, any number of processes read.

    Every write is one atomic commit of Lance: a process killed in the middle of it leaves the
    version before. Fresh rows are searched by scanning until ``optimize`` folds them in.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        table: AsyncTable,
        *,
        directory: Path,
        dimension: int,
        vector_index_min_rows: int,
    ) -> None:
        self._connection = connection
        self._table = table
        self._directory = directory
        self._dimension = dimension
        self._vector_index_min_rows = vector_index_min_rows
        self._writing = asyncio.Lock()
        self._rows = RowCache(max_bytes=ROW_CACHE_BYTES)
        self._seen_version: int | None = None
        self._read_ahead_version: int | None = None

    @classmethod
    async def open(
        cls,
        directory: Path,
        *,
        dimension: int,
        vector_index_min_rows: int = 5_000,
        read_consistency_seconds: float | None = None,
    ) -> Self:
        """Open the index in ``directory``, creating it when it is not there.

        Below ``vector_index_min_rows`` chunks vectors are compared one by one. With
        ``read_consistency_seconds`` other processes' writes are seen without ``refresh`` after
        at most that long, at the price of a look at the directory.

        Raises:
            DimensionMismatchError: the index holds vectors of another length.
            IndexUnavailableError: with the fix.
        """
        consistency = (
            None
            if read_consistency_seconds is None
            else timedelta(seconds=read_consistency_seconds)
        )
        with translated(directory, "open"):
            connection, table = await open_table(
                directory, dimension=dimension, read_consistency=consistency
            )
        return cls(
            connection,
            table,
            directory=directory,
            dimension=dimension,
            vector_index_min_rows=vector_index_min_rows,
        )

    @property
    def dimension(self) -> int:
        return self._dimension

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        for embedded in chunks:
            if embedded.embedding.shape != (self._dimension,):
                raise DimensionMismatchError(
                    f"an embedding has shape {embedded.embedding.shape}, "
                    f"the search index needs ({self._dimension},)",
                    chunk_id=str(embedded.chunk.chunk_id),
                )
        # Lance would keep both copies of a chunk that comes twice in one merge.
        unique = {embedded.chunk.chunk_id: embedded for embedded in chunks}
        if not unique:
            return
        rows = to_table(list(unique.values()), self._dimension)
        with translated(self._directory, "write to"):
            async with self._writing:
                for part in merge_portions(rows):
                    merge = self._table.merge_insert("chunk_id")
                    merge = merge.when_matched_update_all().when_not_matched_insert_all()
                    await merge.execute(part)

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        with translated(self._directory, "write to"):
            async with self._writing:
                for some in _portions(chunk_ids):
                    await self._table.delete(one_of("chunk_id", some))

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        with translated(self._directory, "write to"):
            async with self._writing:
                for some in _portions(record_ids):
                    await self._table.update(
                        where=one_of("record_id", some),
                        updates_sql={"file_id": quoted(str(file_id))},
                    )

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        if embedding.shape != (self._dimension,):
            raise DimensionMismatchError(
                f"the query's embedding has shape {embedding.shape}, "
                f"the search index needs ({self._dimension},)"
            )

        def query() -> AsyncStandardQuery:
            nearest = self._table.query().nearest_to(embedding).distance_type(DISTANCE)
            return nearest.ef(max(MIN_EXPLORED, limit))

        found = await self._search(query, "_distance", limit, where)
        return [to_match(row, 1.0 - distance / 2.0) for row, distance in found]

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        words = _bag_of_words(text)
        if not words:
            return []

        def query() -> AsyncStandardQuery:
            return self._table.query().nearest_to_text(MatchQuery(words, "search_text"))

        found = await self._search(query, "_score", limit, where)
        return [to_match(row, score) for row, score in found]

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        def query() -> AsyncStandardQuery:
            return self._table.query().order_by(NEWEST_FIRST)

        found = await self._search(query, "timestamp_us", limit, where)
        return [to_match(row, (moment or 0) / MICROSECONDS) for row, moment in found]

    async def count(self) -> int:
        with translated(self._directory, "read"):
            return int(await self._table.count_rows())

    async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        with translated(self._directory, "read"):
            pages = await self._table.query().select(["chunk_id"]).to_batches()
            async for page in pages:
                yield [ChunkId(UUID(chunk_id)) for chunk_id in page.column(0).to_pylist()]

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        found: list[KeptChunk] = []
        for some in _portions(chunk_ids):
            found += await self._fetch(some)
        return found

    async def optimize(self) -> None:
        with translated(self._directory, "optimize"):
            async with self._writing:
                await self._table.optimize(cleanup_older_than=KEEP_VERSIONS)
                await self._build_vector_index()

    async def vector_index_type(self) -> str | None:
        """Lance's name for the index over the vectors; ``None`` while they are compared singly."""
        with translated(self._directory, "read"):
            indexes = await self._table.list_indices()
        types: list[str] = [index.index_type for index in indexes if index.name == VECTOR_INDEX]
        return types[0] if types else None

    async def refresh(self) -> None:
        with translated(self._directory, "read"):
            await self._table.checkout_latest()

    async def read_ahead(self) -> None:
        """Load the indexes and the newest rows, once for each version that stays for a while.

        An index that is being written to has new structures every few seconds, each of which
        would take memory and processor time; it is read ahead when two calls see one version.
        """
        with translated(self._directory, "read"):
            version = await self._table.version()
            is_settled = self._seen_version in (None, version)
            self._seen_version = version
            if not is_settled or version == self._read_ahead_version:
                return
            older = max(0, int(await self._table.count_rows()) - READ_AHEAD_ROWS)
            newest = self._table.query().offset(older).select(HIT_COLUMNS).with_row_id()
            async for batch in await newest.to_batches(max_batch_length=READ_AHEAD_STEP):
                self._rows.put(rows_of(batch))
                await asyncio.sleep(0)
            for index in await self._table.list_indices():
                await self._table.prewarm_index(index.name)
        self._read_ahead_version = version

    @property
    def rows_at_hand(self) -> int:
        """How many rows a search need not fetch."""
        return len(self._rows)

    async def ping(self) -> None:
        await self.count()

    async def close(self) -> None:
        self._table.close()
        self._connection.close()

    async def _search(
        self,
        query: Callable[[], AsyncStandardQuery],
        score_column: str,
        limit: int,
        where: SearchFilter,
    ) -> list[tuple[Row, float]]:
        """Run a query; once more on the newest version if its own has been cleaned up."""
        predicate = predicate_of(where)

        async def run() -> list[tuple[Row, float]]:
            search = query().limit(limit).select([score_column]).with_row_id()
            found = await (search.where(predicate) if predicate else search).to_arrow()
            row_ids = found.column("_rowid").to_pylist()
            rows = await self._read(row_ids)
            scores = found.column(score_column).to_pylist()
            return [(rows[row_id], score) for row_id, score in zip(row_ids, scores, strict=True)]

        with translated(self._directory, "search"):
            return await self._once_more_on_the_newest(run)

    async def _fetch(self, chunk_ids: Sequence[UUID]) -> list[KeptChunk]:
        async def run() -> list[KeptChunk]:
            wanted = self._table.query().where(one_of("chunk_id", chunk_ids))
            return kept_chunks(await wanted.select(HIT_COLUMNS).to_arrow())

        with translated(self._directory, "read"):
            return await self._once_more_on_the_newest(run)

    async def _once_more_on_the_newest(self, run: Callable[[], Awaitable[Found]]) -> Found:
        """Where the version in hand has been cleaned up, its files are gone."""
        try:
            return await run()
        except (RuntimeError, OSError, ValueError, KeyError):
            await self._table.checkout_latest()
            return await run()

    async def _read(self, row_ids: Sequence[int]) -> dict[int, Row]:
        """What hits show of the rows; one that has moved since it was found is missing."""
        rows = self._rows.get(row_ids)
        unknown = [row_id for row_id in row_ids if row_id not in rows]
        if unknown:
            taken = self._table.take_row_ids(unknown).select(HIT_COLUMNS).with_row_id()
            fresh = rows_of(await taken.to_arrow())
            self._rows.put(fresh)
            rows |= fresh
        return rows

    async def _build_vector_index(self) -> None:
        """Build the vector index that suits the number of rows, unless a good one is there.

        ``optimize`` adds a part for the fresh rows of each call; a search visits all parts.
        """
        rows = int(await self._table.count_rows())
        if rows < self._vector_index_min_rows:
            return
        wanted = vector_index_for(rows)
        if await self.vector_index_type() == _TYPE_NAMES[type(wanted)]:
            stats = await self._table.index_stats(VECTOR_INDEX)
            if stats and (stats.num_indices or 1) <= _MAX_PARTS[type(wanted)]:
                return
        await self._table.create_index("vector", config=wanted, replace=True, name=VECTOR_INDEX)


def vector_index_for(rows: int) -> HnswSq | IvfSq:
    """All vectors at a byte a number up to ``GRAPH_MIN_ROWS``, a graph of them beyond.

    At 21,500 rows both find 98 % of the true first ten and take as long, but the scan is built
    in a second and the graph in 26 (on a busy machine).
    """
    if rows < GRAPH_MIN_ROWS:
        return IvfSq(distance_type=DISTANCE, num_partitions=1)
    graphs = max(1, round(rows / ROWS_PER_GRAPH))
    return HnswSq(distance_type=DISTANCE, num_partitions=graphs, ef_construction=150)


def _portions(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]


def _bag_of_words(text: str) -> str:
    """Words of ``text`` that the keyword index can digest: well-formed, and not too many."""
    well_formed = asked_words(text.encode("utf-8", "replace").decode("utf-8"))
    return " ".join(well_formed.split()[:MAX_QUERY_WORDS])
