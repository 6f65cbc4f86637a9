"""Bringing a table up to date that an older version of Headrace has written.

Format 2 has, against the one before, what ``domain.words`` adds to texts without spaces between
words, and the author among the labels. Both are made of what the rows hold already; no vector
changes. A file beside the table says its format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pyarrow as pa
import structlog
from lancedb.table import AsyncTable

from actors.adapters.on_disk.rows import shown_in
from domain.models.chunks import AUTHOR, MAX_LABEL_VALUE_CHARS, label, search_text_of
from domain.models.records import JsonValue

FORMAT = "2"
ROWS_PER_MERGE = 100_000
"""A merge has to look up its rows without an index where the one before it has put others."""

log = structlog.get_logger(__name__)

_REWRITTEN = pa.schema(
    [
        pa.field("chunk_id", pa.string(), nullable=False),
        pa.field("search_text", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.string()), nullable=False),
    ]
)


async def bring_up_to_date(table: AsyncTable, directory: Path) -> None:
    """Rewrite what is of an older format; at once if nothing is. Dying in between loses nothing.

    To be called by one process at a time. 100,000 rows that all change take some ten seconds.
    """
    marker = directory / "chunks.format"
    if marker.exists() and marker.read_text().strip() == FORMAT:
        return
    rewritten = await _rewrite(table)
    if rewritten:
        await table.optimize()
        log.info("search_index_brought_up_to_date", format=FORMAT, rewritten=rewritten)
    marker.write_text(FORMAT)


async def _rewrite(table: AsyncTable) -> int:
    """Returns how many rows were not as they are to be."""
    columns = ["chunk_id", "search_text", "labels", "hit"]
    outdated: list[Mapping[str, object]] = []
    rewritten = 0
    async for batch in await table.query().select(columns).to_batches():
        outdated += [row for old in batch.to_pylist() if (row := _renewed(old))]
        if len(outdated) >= ROWS_PER_MERGE:
            rewritten += await _merge(table, outdated)
            outdated = []
    return rewritten + await _merge(table, outdated)


def _renewed(old: Mapping[str, JsonValue]) -> Mapping[str, object] | None:
    """The row's rewritten columns; ``None`` if they are as they should be."""
    shown = orjson.loads(shown_in(old["hit"]))
    search_text = search_text_of(shown["title"], shown["text"])
    labels = _with_author(old["labels"], shown["author"])
    if search_text == old["search_text"] and labels == old["labels"]:
        return None
    return {"chunk_id": old["chunk_id"], "search_text": search_text, "labels": labels}


def _with_author(labels: Sequence[str], author: str | None) -> Sequence[str]:
    if not author or len(author) > MAX_LABEL_VALUE_CHARS:
        return labels
    is_named = any(each.startswith(f"{AUTHOR}=") for each in labels)
    return labels if is_named else [label(AUTHOR, author), *labels]


async def _merge(table: AsyncTable, rows: Sequence[Mapping[str, object]]) -> int:
    if rows:
        renewed = pa.Table.from_pylist(list(rows), schema=_REWRITTEN)
        await table.merge_insert("chunk_id").when_matched_update_all().execute(renewed)
    return len(rows)
