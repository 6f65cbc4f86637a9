"""Opening the index's table, and creating it when it is not there."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal

import lancedb
import pyarrow as pa
from lancedb.db import AsyncConnection
from lancedb.index import FTS, BTree
from lancedb.table import AsyncTable

from actors.adapters.lancedb.rows import table_schema
from actors.adapters.lancedb.upgrading import bring_up_to_date
from domain.errors import DimensionMismatchError, IndexUnavailableError

TABLE = "chunks"
INDEX_CACHE_BYTES = 1024 * 1024 * 1024
METADATA_CACHE_BYTES = 64 * 1024 * 1024

KEYWORD_INDEX = FTS(
    with_position=False,
    base_tokenizer="simple",
    language="English",
    max_token_length=64,
    stem=True,
    remove_stop_words=True,
    ascii_folding=True,
)


async def open_table(
    directory: Path, *, dimension: int, read_consistency: timedelta | None
) -> tuple[AsyncConnection, AsyncTable]:
    """Open the table, creating directory, table and keyword index where they are missing.

    A table of an older version is brought up to date.

    Raises:
        DimensionMismatchError: the table holds vectors of another length.
        IndexUnavailableError: the table is not one of ours.
    """
    directory.mkdir(parents=True, exist_ok=True)
    connection = await lancedb.connect_async(
        directory,
        read_consistency_interval=read_consistency,
        session=lancedb.Session(
            index_cache_size_bytes=INDEX_CACHE_BYTES,
            metadata_cache_size_bytes=METADATA_CACHE_BYTES,
        ),
    )
    async with _only_creator(directory):
        table = await _open_or_create(connection, directory, dimension)
        _check_schema(await table.schema(), directory, dimension)
        await _create_indexes(table)
        await bring_up_to_date(table, directory)
    return connection, table


async def _open_or_create(
    connection: AsyncConnection, directory: Path, dimension: int
) -> AsyncTable:
    place = directory / f"{TABLE}.lance"
    versions = place / "_versions"
    if versions.is_dir() and any(versions.iterdir()):
        return await connection.open_table(TABLE)
    # A process killed while creating the table leaves its directory without any version.
    mode: Literal["create", "overwrite"] = "overwrite" if place.exists() else "create"
    return await connection.create_table(TABLE, schema=table_schema(dimension), mode=mode)


async def _create_indexes(table: AsyncTable) -> None:
    present = {index.columns[0] for index in await table.list_indices()}
    if "search_text" not in present:
        await table.create_index("search_text", config=KEYWORD_INDEX)
    if "chunk_id" not in present:
        await table.create_index("chunk_id", config=BTree())


def _check_schema(found: pa.Schema, directory: Path, dimension: int) -> None:
    expected = table_schema(dimension)
    if found.names != expected.names:
        raise IndexUnavailableError(
            f"the search index {directory} was written by another version: move that directory "
            "away and import the files again to rebuild it",
            directory=str(directory),
        )
    length = found.field("vector").type.list_size
    if length != dimension:
        raise DimensionMismatchError(
            f"the search index {directory} holds vectors of length {length}, the embedder makes "
            f"{dimension}: choose the embedder that filled it ('headrace reindex' changes it "
            "afterwards), set HEADRACE_SEARCH__DIRECTORY to the right one, or move that directory "
            "away and run 'headrace verify --repair', which fills it anew",
            expected=length,
            given=dimension,
        )


@asynccontextmanager
async def _only_creator(directory: Path) -> AsyncIterator[None]:
    """Of several processes that start at once, one creates the table and the others wait."""
    with (directory / ".creating").open("a") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
