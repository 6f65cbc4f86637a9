"""How fast files are claimed from a long queue: ``python -m benchmarks.queue [FILES]``.

A PostgreSQL of its own; files of three sources, one of which has one file only. Beside our claim
stands the plainest there can be, first come first served on one index, which is what queue
libraries run for each of their jobs.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore

FILES = 10_000
CLAIMS = 400
CLAIMERS = 4

FILL = """
INSERT INTO file_imports
    (filename, source_type, file_size, sha256, processing_status, priority, upload_timestamp)
SELECT 'file', CASE WHEN n = $1 THEN 'gong' WHEN n % 3 = 0 THEN 'csv' ELSE 'slack' END, 1, '',
       'queued', n % 2, now() + n * interval '1 ms'
FROM generate_series(1, $1::int) AS n
"""

PLAIN_INDEX = """
CREATE INDEX plain_queue ON file_imports(upload_timestamp, id) WHERE processing_status = 'queued'
"""

PLAIN = """
WITH due AS (
    SELECT id FROM file_imports WHERE processing_status = 'queued'
    ORDER BY upload_timestamp, id LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE file_imports AS file SET processing_status = 'processing', acquired_until = now() + $2
FROM due WHERE file.id = due.id RETURNING file.id
"""

Claim = Callable[[int], Awaitable[Sequence[Any]]]


async def rate_of(claim: Claim, *, limit: int) -> float:
    """Files claimed a second by several claimers at once, ``limit`` in each claim."""
    claimed: list[Any] = []

    async def work() -> None:
        for _ in range(CLAIMS // CLAIMERS):
            claimed.extend(await claim(limit))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CLAIMERS)))
    seconds = time.perf_counter() - began
    assert len(set(claimed)) == len(claimed)
    return len(claimed) / seconds


async def measure(dsn: str, files: int) -> None:
    await migrate(dsn)
    store = await PostgresMetadataStore.open(dsn)
    pool = await asyncpg.create_pool(dsn, min_size=0, max_size=CLAIMERS)

    async def ours(limit: int) -> Sequence[Any]:
        claims = await store.queue.claim("bench", limit=limit, lease_seconds=60)
        return [claim.file_id for claim in claims]

    async def plain(limit: int) -> Sequence[Any]:
        from datetime import timedelta

        rows = await pool.fetch(PLAIN, limit, timedelta(seconds=60))
        return [row["id"] for row in rows]

    print(f"files queued {files:,}, {CLAIMERS} claimers at once")
    for limit in (1, 4):
        rates = {}
        for name, claim in (("ours", ours), ("plain", plain)):
            await pool.execute("TRUNCATE file_imports CASCADE")
            await pool.execute(FILL, files)
            if name == "plain":
                await pool.execute(PLAIN_INDEX)
            await pool.execute("ANALYZE file_imports")
            rates[name] = await rate_of(claim, limit=limit)
            await pool.execute("DROP INDEX IF EXISTS plain_queue")
        ratio = rates["ours"] / rates["plain"]
        print(f"{limit} a claim: ours {rates['ours']:,.0f}/s, plain {rates['plain']:,.0f}/s")
        print(f"    ratio {ratio:.2f}")
    await store.close()
    await pool.close()


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    with tempfile.TemporaryDirectory(prefix="headrace-queue-") as directory:
        server = EmbeddedPostgres(Path(directory))
        try:
            asyncio.run(measure(server.start(), files))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
