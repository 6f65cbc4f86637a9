"""Leases on files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.file_rows import number_of
from domain.models.files import Claim, Priority, QueueState
from domain.models.ids import FileId

# The database's clock measures leases, so that workers' clocks need not agree. FOR UPDATE, not
# NO KEY UPDATE: whoever writes under the old lease holds a KEY SHARE lock and is let finish.
#
# A lease that was given more than a minute ahead of now is void: the clock was put back since.
EXPIRED = """(file.acquired_until IS NULL OR file.acquired_until <= now()
            OR file.leased_at > now() + interval '1 minute')"""

# A turn is a file whose import was begun: of the sources that wait, the one whose last turn is
# longest ago is next. More candidates are looked at than wanted, since others may claim them now;
# they are locked one after the other by key, until there are enough. ANY(ARRAY) keeps the planner,
# who cannot know how few there are, from reading the whole table.
CLAIM = f"""-- claim_files: lease files of the sources in turn, interactive ones first
WITH RECURSIVE lines AS (
    (SELECT priority, source_type FROM file_imports
     WHERE processing_status = 'queued' AND ($4::smallint IS NULL OR priority = $4)
     ORDER BY priority, source_type LIMIT 1)
    UNION ALL
    SELECT further.priority, further.source_type
    FROM lines CROSS JOIN LATERAL (
        SELECT priority, source_type FROM file_imports
        WHERE processing_status = 'queued' AND ($4::smallint IS NULL OR priority = $4)
          AND (priority, source_type) > (lines.priority, lines.source_type)
        ORDER BY priority, source_type LIMIT 1
    ) AS further
), turns AS (
    SELECT priority, source_type, (
        SELECT processing_started_at FROM file_imports AS served
        WHERE served.source_type = lines.source_type AND processing_started_at IS NOT NULL
        ORDER BY processing_started_at DESC LIMIT 1
    ) AS last_turn
    FROM lines
), candidates AS (
    SELECT waiting.id, turns.priority, waiting.round, turns.last_turn, waiting.upload_timestamp
    FROM turns CROSS JOIN LATERAL (
        SELECT id, upload_timestamp, row_number() OVER (ORDER BY upload_timestamp, id) AS round
        FROM file_imports
        WHERE processing_status = 'queued'
          AND priority = turns.priority AND source_type = turns.source_type
        ORDER BY upload_timestamp, id LIMIT $2 + 32
    ) AS waiting
    UNION ALL
    (SELECT id, priority, 0, NULL, upload_timestamp FROM file_imports AS file
     WHERE processing_status = 'processing' AND ($4::smallint IS NULL OR priority = $4)
       AND {EXPIRED}
     ORDER BY priority, upload_timestamp, id LIMIT $2 + 32)
), due AS (
    SELECT candidate.* FROM (
        SELECT * FROM candidates
        ORDER BY priority, round, last_turn NULLS FIRST, upload_timestamp, id
    ) AS candidate CROSS JOIN LATERAL (
        SELECT 1 FROM file_imports AS file
        WHERE file.id = candidate.id
          AND (processing_status = 'queued' OR processing_status = 'processing' AND {EXPIRED})
        FOR UPDATE SKIP LOCKED
    ) AS locked
    LIMIT $2
)
UPDATE file_imports AS file
SET processing_status = 'processing', lease_owner = $1, acquired_until = now() + $3,
    leased_at = now(), attempt = attempt + 1,
    processing_started_at = coalesce(processing_started_at, now()), updated_at = now()
FROM due
WHERE file.id = due.id AND file.id = ANY(ARRAY(SELECT id FROM due))
RETURNING file.id, file.attempt, file.run, due.priority, due.round, due.last_turn,
          due.upload_timestamp
"""

EXTEND = """-- extend_leases: heartbeat of the leases that are still held
UPDATE file_imports AS file
SET acquired_until = now() + $5, leased_at = now()
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
    WHERE file_id = file.id AND handled_at IS NULL
  )
ORDER BY updated_at, id LIMIT $1
"""

DEPTH = """-- queue_depth: files that are not finished
SELECT count(*) FROM file_imports
WHERE processing_status IN ('pending', 'validating', 'queued', 'processing', 'indexing')
"""

STATE = """-- queue_state: what is not finished, and how long the oldest of it has waited
SELECT count(*) AS depth,
       count(*) FILTER (WHERE processing_status = 'queued' AND priority = 0) AS interactive,
       count(*) FILTER (WHERE processing_status = 'queued' AND priority = 1) AS bulk,
       count(*) FILTER (WHERE processing_status = 'processing' AND acquired_until > now())
           AS in_flight,
       extract(epoch FROM now()
           - min(CASE WHEN run = 1 THEN upload_timestamp ELSE updated_at END)
             FILTER (WHERE processing_status IN ('pending', 'validating', 'queued'))
       )::float8 AS oldest_seconds
FROM file_imports
WHERE processing_status IN ('pending', 'validating', 'queued', 'processing', 'indexing')
"""

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class PostgresWorkQueue:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, owner: str, *, limit: int, lease_seconds: float, only: Priority | None = None
    ) -> Sequence[Claim]:
        lease = timedelta(seconds=lease_seconds)
        number = None if only is None else number_of(only)
        rows = await self._database.fetch(CLAIM, owner, limit, lease, number)
        rows.sort(key=_order)
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

    async def state(self) -> QueueState:
        row = await self._database.fetchrow(STATE)
        assert row is not None
        return QueueState(
            depth=row["depth"],
            waiting={Priority.INTERACTIVE: row["interactive"], Priority.BULK: row["bulk"]},
            in_flight=row["in_flight"],
            oldest_seconds=row["oldest_seconds"],
        )


def _order(row: Row) -> tuple[Any, ...]:
    """That of the claim, which the rows of an UPDATE do not keep."""
    last_turn = row["last_turn"] or LONG_AGO
    return (row["priority"], row["round"], last_turn, row["upload_timestamp"], row["id"])
