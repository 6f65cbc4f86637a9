"""The slices of a run and their ledgers."""

from __future__ import annotations

import json
from collections.abc import Sequence

from actors.adapters.postgres.database import Database, Row
from actors.adapters.postgres.leases import hold_lease
from actors.adapters.postgres.text import escaped_json, json_text, storable
from domain.errors import NotFoundError
from domain.ledger import Ledger
from domain.models.files import Claim, Slice
from domain.models.ids import FileId
from domain.models.records import RejectedItem

PLAN = """-- plan_slices: keep the slices of the present run that are not kept yet
INSERT INTO import_slices
    (file_id, run, number, start_offset, end_offset, members, size_bytes, context)
SELECT file.id, file.run, slice.*
FROM file_imports AS file,
     unnest($2::int[], $3::bigint[], $4::bigint[], $5::json[], $6::bigint[], $7::json[]) AS slice
WHERE file.id = $1
ON CONFLICT (file_id, run, number) DO NOTHING
"""

PENDING = """-- pending_slices: what is left of the present run
SELECT slice.* FROM import_slices AS slice
JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run
WHERE slice.file_id = $1 AND slice.completed_at IS NULL
ORDER BY slice.number
"""

LEDGER = """-- ledger_of_file: what became of the records of the present run, dropped ones by rule
WITH present AS (
    SELECT slice.* FROM import_slices AS slice
    JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run
    WHERE slice.file_id = $1
), dropped AS (
    SELECT rule.key AS rule, sum(rule.value::bigint) AS items
    FROM present, jsonb_each_text(present.dropped) AS rule GROUP BY rule.key
)
SELECT coalesce(sum(read), 0)::bigint AS read, coalesce(sum(indexed), 0)::bigint AS indexed,
       coalesce(sum(unchanged), 0)::bigint AS unchanged, coalesce(sum(failed), 0)::bigint AS failed,
       coalesce((SELECT jsonb_object_agg(rule, items) FROM dropped), '{}') AS dropped
FROM present
"""

PROGRESS = """-- slice_progress: show how far a slice is, while the claim is the newest
UPDATE import_slices AS slice SET records_done = $6, bytes_done = $7
FROM file_imports AS file
WHERE file.id = $1 AND file.lease_owner = $2 AND file.attempt = $3 AND file.run = $4
  AND slice.file_id = file.id AND slice.run = file.run AND slice.number = $5
  AND slice.completed_at IS NULL
"""

STAGED = """-- slice_staged: show how much of a slice is stored, while the claim is the newest
UPDATE import_slices AS slice SET records_staged = greatest(records_staged, $6)
FROM file_imports AS file
WHERE file.id = $1 AND file.lease_owner = $2 AND file.attempt = $3 AND file.run = $4
  AND slice.file_id = file.id AND slice.run = file.run AND slice.number = $5
  AND slice.completed_at IS NULL
"""

COMPLETE = """-- complete_slice: what became of the slice's records; no old letters
WITH gone AS (
    DELETE FROM dead_letters WHERE file_id = $1 AND run = $2 AND slice_number = $3
)
UPDATE import_slices
SET read = $4, indexed = $5, unchanged = $6, dropped = $7, failed = $8,
    records_done = $4, bytes_done = size_bytes, completed_at = coalesce(completed_at, now())
WHERE file_id = $1 AND run = $2 AND number = $3
RETURNING number
"""

INSERT_DEAD_LETTERS = """-- insert_dead_letters: set aside what could not be read
INSERT INTO dead_letters (file_id, run, slice_number, place, error, raw)
SELECT $1::uuid, $2::int, $3::int, letter.*
FROM unnest($4::text[], $5::text[], $6::bytea[]) AS letter
"""


class PostgresSliceLedger:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, file_id: FileId, slices: Sequence[Slice]) -> None:
        await self._database.fetch(
            PLAN,
            file_id,
            [part.number for part in slices],
            [part.start for part in slices],
            [part.end for part in slices],
            [escaped_json(part.members) for part in slices],
            [part.size_bytes for part in slices],
            [escaped_json(dict(part.context)) for part in slices],
        )

    async def pending(self, file_id: FileId) -> Sequence[Slice]:
        return [_slice(row) for row in await self._database.fetch(PENDING, file_id)]

    async def ledger(self, file_id: FileId) -> Ledger:
        row = await self._database.fetchrow(LEDGER, file_id)
        assert row is not None
        return Ledger(**row)

    async def progress(
        self, claim: Claim, slice_number: int, *, records_done: int, bytes_done: int
    ) -> None:
        fence = (claim.file_id, claim.owner, claim.attempt, claim.run)
        await self._database.fetch(PROGRESS, *fence, slice_number, records_done, bytes_done)

    async def staged(self, claim: Claim, slice_number: int, *, records_staged: int) -> None:
        fence = (claim.file_id, claim.owner, claim.attempt, claim.run)
        await self._database.fetch(STAGED, *fence, slice_number, records_staged)

    async def complete(
        self,
        claim: Claim,
        slice_number: int,
        ledger: Ledger,
        rejected: Sequence[RejectedItem],
    ) -> None:
        if not ledger.balances:
            raise ValueError(f"the ledger of slice {slice_number} does not balance: {ledger}")
        key = (claim.file_id, claim.run, slice_number)
        async with self._database.transaction() as connection:
            await hold_lease(connection, claim)
            row = await connection.fetchrow(
                COMPLETE,
                *key,
                ledger.read,
                ledger.indexed,
                ledger.unchanged,
                json_text(dict(ledger.dropped)),
                ledger.failed,
            )
            if row is None:
                raise NotFoundError("no such slice", number=slice_number)
            if rejected:
                await connection.execute(
                    INSERT_DEAD_LETTERS,
                    *key,
                    [storable(str(item.place)) for item in rejected],
                    [storable(item.error) for item in rejected],
                    [item.raw for item in rejected],
                )


def _slice(row: Row) -> Slice:
    return Slice(
        number=row["number"],
        start=row["start_offset"],
        end=row["end_offset"],
        members=tuple(json.loads(row["members"])),
        size_bytes=row["size_bytes"],
        context=json.loads(row["context"]),
    )
