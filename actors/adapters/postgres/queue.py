"""Leases on files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from actors.adapters.postgres.database import Database
from domain.models.files import Claim
from domain.models.ids import FileId

# The database's clock measures leases, so that workers' clocks need not agree. FOR UPDATE, not
# NO KEY UPDATE: whoever writes under the old lease holds a KEY SHARE lock and is let finish.
CLAIM = """-- claim_files: lease the files that have waited longest
WITH due AS (
    SELECT id FROM file_imports
    WHERE processing_status IN ('queued', 'processing')
      AND (processing_status = 'queued' OR acquired_until IS NULL OR acquired_until <= now())
    ORDER BY upload_timestamp, id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
)
UPDATE file_imports AS file
SET processing_status = 'processing', lease_owner = $1, acquired_until = now() + $3,
    attempt = attempt + 1, processing_started_at = coalesce(processing_started_at, now()),
    updated_at = now()
FROM due WHERE file.id = due.id
RETURNING file.id, file.attempt, file.run, file.upload_timestamp
"""

EXTEND = """-- extend_leases: heartbeat of the leases that are still held
UPDATE file_imports AS file
SET acquired_until = now() + $5
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[]) AS held(id, owner, attempt, run)
WHERE file.id = held.id AND file.lease_owner = held.owner AND file.attempt = held.attempt
  AND file.run = held.run AND file.processing_status = 'processing'
RETURNING file.id, file.attempt
"""

RELEASE = """-- release_leases: end all leases of an owner
UPDATE file_imports SET lease_owner = NULL, acquired_until = NULL
WHERE lease_owner = $1 AND processing_status = 'processing'
RETURNING id
"""

DELETING = """-- deleting_files: files whose deletion is not finished
SELECT id FROM file_imports WHERE processing_status = 'deleting' ORDER BY updated_at, id LIMIT $1
"""

STALLED = """-- stalled_files: files that wait for an event which will not come
SELECT id FROM file_imports AS file
WHERE processing_status IN ('pending', 'validating', 'indexing')
  AND NOT EXISTS (
    SELECT 1 FROM outbox
    WHERE file_id = file.id AND handled_at IS NULL AND dead_at IS NULL
  )
ORDER BY updated_at, id LIMIT $1
"""

DEPTH = """-- queue_depth: files that are not finished
SELECT count(*) FROM file_imports
WHERE processing_status IN ('pending', 'validating', 'queued', 'processing', 'indexing')
"""


class PostgresWorkQueue:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, owner: str, *, limit: int, lease_seconds: float) -> Sequence[Claim]:
        rows = await self._database.fetch(CLAIM, owner, limit, timedelta(seconds=lease_seconds))
        rows.sort(key=lambda row: (row["upload_timestamp"], row["id"]))
        return [Claim(row["id"], owner, row["attempt"], row["run"]) for row in rows]

    async def extend(self, claims: Sequence[Claim], *, lease_seconds: float) -> Sequence[Claim]:
        rows = await self._database.fetch(
            EXTEND,
            [claim.file_id for claim in claims],
            [claim.owner for claim in claims],
            [claim.attempt for claim in claims],
            [claim.run for claim in claims],
            timedelta(seconds=lease_seconds),
        )
        held = {(row["id"], row["attempt"]) for row in rows}
        return [claim for claim in claims if (claim.file_id, claim.attempt) in held]

    async def release(self, owner: str) -> int:
        return len(await self._database.fetch(RELEASE, owner))

    async def deleting(self, *, limit: int) -> Sequence[FileId]:
        return [row["id"] for row in await self._database.fetch(DELETING, limit)]

    async def stalled(self, *, limit: int) -> Sequence[FileId]:
        return [row["id"] for row in await self._database.fetch(STALLED, limit)]

    async def depth(self) -> int:
        return int(await self._database.fetchval(DEPTH))
