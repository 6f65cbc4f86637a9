"""LanceDB for ``benchmarks.engines``: one table, tuned as Headrace's index on it was (ADR 31)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import FTS, Bitmap, BTree, HnswSq, IvfSq
from lancedb.query import ColumnOrdering, MatchQuery
from numpy.typing import NDArray

from benchmarks.engine_kinds import (
    DEPTH,
    DIMENSION,
    EVERYTHING,
    NEAREST,
    Matrix,
    author_of,
    channel_of,
)
from domain.models.search import SearchFilter
from domain.text_conditions import name_pattern, phrase_pattern

EXPLORED = 150
CACHE_BYTES = 1024 * 1024 * 1024
SCAN_MIN_ROWS, GRAPH_MIN_ROWS = 5_000, 50_000
"""Chunks from which on vectors are compared at a byte a number, and by a graph of them."""

MAX_PARTS = {"IvfHnswSq": 4, "IvfSq": 1}
"""Folding in adds a part, all of which a search visits; beyond these it is built anew."""

WORDS = FTS(with_position=False, stem=True, remove_stop_words=True, ascii_folding=True)
KEEP_VERSIONS = timedelta(minutes=10)
NEWEST_FIRST = [ColumnOrdering(column_name="place", ascending=False, nulls_first=False)]
SCHEMA = pa.schema(
    [
        pa.field("place", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("author", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32(), DIMENSION), nullable=False),
    ]
)


class Lance:
    """LanceDB in this process."""

    name = "lancedb"

    def __init__(self, table: Any) -> None:
        self._table = table
        self._is_loaded = False

    @classmethod
    @asynccontextmanager
    async def opened(cls, directory: Path) -> AsyncIterator[Self]:
        session = lancedb.Session(index_cache_size_bytes=CACHE_BYTES)
        connection = await lancedb.connect_async(directory, session=session)
        table = await connection.create_table("chunks", schema=SCHEMA, exist_ok=True)
        if not await table.list_indices():
            for column, index in (("text", WORDS), ("place", BTree()), ("channel", Bitmap())):
                await table.create_index(column, config=index)
        try:
            yield cls(table)
        finally:
            table.close()
            connection.close()

    async def write(self, first: int, texts: Sequence[str], vectors: Matrix) -> None:
        places = range(first, first + len(texts))
        columns = [
            list(places),
            list(texts),
            [author_of(place) for place in places],
            [channel_of(place) for place in places],
            pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIMENSION),
        ]
        merge = self._table.merge_insert("place").when_matched_update_all()
        await merge.when_not_matched_insert_all().execute(pa.table(columns, schema=SCHEMA))

    async def settle(self) -> None:
        self._is_loaded = False
        await self._table.optimize(cleanup_older_than=KEEP_VERSIONS)
        rows = await self._table.count_rows()
        if rows >= SCAN_MIN_ROWS and not await self._suits(rows):
            index = HnswSq if rows >= GRAPH_MIN_ROWS else IvfSq
            await self._table.create_index(
                "vector", config=index(distance_type="l2", num_partitions=1), name="vector"
            )

    async def by_words(self, text: str, where: SearchFilter = EVERYTHING) -> Sequence[int]:
        alike = self._table.query().nearest_to_text(MatchQuery(text, "text"))
        return await self._first(alike, where, "_score")

    async def by_vector(
        self, vector: NDArray[np.float32], where: SearchFilter = EVERYTHING
    ) -> Sequence[int]:
        near = self._table.query().nearest_to(vector).distance_type("l2").ef(EXPLORED)
        return await self._first(near, where, "_distance")

    async def newest(self, where: SearchFilter) -> int:
        return len(await self._places(self._table.query().order_by(NEWEST_FIRST), where))

    async def _first(self, query: Any, where: SearchFilter, *columns: str) -> Sequence[int]:
        if not self._is_loaded:
            for index in await self._table.list_indices():
                await self._table.prewarm_index(index.name)
            self._is_loaded = True
        return (await self._places(query, where, *columns))[:NEAREST]

    async def _places(self, query: Any, where: SearchFilter, *columns: str) -> Sequence[int]:
        """Of the first ``DEPTH``, with their texts read."""
        predicate = predicate_of(where)
        confined = query.where(predicate) if predicate else query
        found = await confined.limit(DEPTH).select(["place", "text", *columns]).to_arrow()
        places: list[int] = found.column("place").to_pylist()
        return places

    async def _suits(self, rows: int) -> bool:
        """Whether the index over the vectors is the one that so many rows are to have."""
        wanted = "IvfHnswSq" if rows >= GRAPH_MIN_ROWS else "IvfSq"
        kinds = [one.index_type for one in await self._table.list_indices() if one.name == "vector"]
        if kinds != [wanted]:
            return False
        stats = await self._table.index_stats("vector")
        return (stats.num_indices or 1) <= MAX_PARTS[wanted]


def predicate_of(where: SearchFilter) -> str:
    """As SQL, empty for none: all phrases, no excluded word, one of the authors and places each."""
    terms = [_matches("text", phrase_pattern(each)) for each in where.phrases]
    terms += [f"NOT {_matches('text', phrase_pattern(each))}" for each in where.excluded]
    if where.authors:
        terms.append(_matches("author", "|".join(map(name_pattern, where.authors))))
    if where.places:
        terms.append(f"channel IN ({', '.join(_quoted(one.casefold()) for one in where.places)})")
    return " AND ".join(terms)


def _matches(column: str, pattern: str) -> str:
    return f"regexp_like({column}, {_quoted(f'(?i)(?:{pattern})')})"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
