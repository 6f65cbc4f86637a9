"""PostgreSQL at one size: records staged, confirmed and linked, and the room that they take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore
from benchmarks.growth_corpus import Corpus
from benchmarks.queries import percentiles
from pipelines.linking import Linker
from tests.store_builders import a_claim, confirm, stage

LEASE_SECONDS = 86_400.0
LOOKED_UP = 200

PASSING = frozenset({"arriving_records", "linking_queue", "outbox"})
"""Tables whose rows stay for seconds to days; the room is used again by those that follow."""

SIZES = """-- sizes: bytes of every table with its indexes and its long values
SELECT relname AS name, pg_total_relation_size(oid) AS size
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """``table_bytes`` has tables with their indexes; ``lookup_ms`` is for a record by its id."""

    store_seconds: float
    link_seconds: float
    table_bytes: Mapping[str, int]
    text_bytes: int
    lookup_ms: Mapping[str, float]

    @property
    def lasting_bytes(self) -> int:
        """What the records take for as long as they are kept."""
        return sum(size for name, size in self.table_bytes.items() if name not in PASSING)


def store(corpus: Corpus, directory: Path) -> Stored:
    """Bring the corpus's records into a fresh PostgreSQL, through the product's store."""
    server = EmbeddedPostgres(directory)
    try:
        return asyncio.run(_store(corpus, server.start()))
    finally:
        server.stop()


async def _store(corpus: Corpus, dsn: str) -> Stored:
    await migrate(dsn)
    metadata = await PostgresMetadataStore.open(dsn, statement_timeout_seconds=600.0)
    empty = await _table_bytes(dsn)
    claim = await a_claim(metadata, lease_seconds=LEASE_SECONDS)
    seconds, text_bytes, record_ids = 0.0, 0, []
    for chunks in corpus.blocks():
        records = [each.chunk.record for each in chunks]
        text_bytes += sum(len(record.content.encode()) for record in records)
        record_ids.append(records[0].record_id)
        began = time.perf_counter()
        await confirm(metadata, claim, await stage(metadata, claim, *records))
        seconds += time.perf_counter() - began
    began = time.perf_counter()
    await Linker(metadata.linking).drain()
    link_seconds = time.perf_counter() - began
    lookups = []
    for number in range(LOOKED_UP):
        began = time.perf_counter()
        await metadata.records.get(record_ids[number * 7 % len(record_ids)])
        lookups.append(1000 * (time.perf_counter() - began))
    full = await _table_bytes(dsn)
    await metadata.close()
    grown = {name: size - empty.get(name, 0) for name, size in full.items()}
    return Stored(
        store_seconds=seconds,
        link_seconds=link_seconds,
        table_bytes={name: size for name, size in sorted(grown.items()) if size > 0},
        text_bytes=text_bytes,
        lookup_ms=percentiles(lookups),
    )


async def _table_bytes(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        # What updates left behind is room that PostgreSQL uses again.
        await connection.execute("VACUUM ANALYZE")
        return {row["name"]: row["size"] for row in await connection.fetch(SIZES)}
    finally:
        await connection.close()
