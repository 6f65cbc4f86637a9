"""Rows that contradict each other, as sentences."""

from __future__ import annotations

from collections.abc import Sequence

from actors.adapters.postgres.database import Connection
from actors.adapters.postgres.entity_audit import ENTITY_CHECKS, NOT_LINKED
from actors.adapters.postgres.name_sql import BEST_OF_RECORD, RUNNING_CHANGE

MAX_SENTENCES_PER_KIND = 20
LONG_SECONDS = 3600.0

UNFINISHED_SLICES = """-- unfinished_slices: completed files with slices that are not
SELECT format('file %s is %s, but its slice %s is not completed',
              file.id, file.processing_status, slice.number)
FROM file_imports AS file
JOIN import_slices AS slice ON slice.file_id = file.id AND slice.run = file.run
WHERE file.processing_status IN ('completed', 'completed_with_errors')
  AND slice.completed_at IS NULL
ORDER BY file.id, slice.number LIMIT $1
"""

UNBALANCED_SLICES = """-- unbalanced_slices: slices whose ledgers do not add up
SELECT format('slice %s of file %s read %s, but accounts for %s',
              number, file_id, read, indexed + unchanged + failed + dropped_items)
FROM import_slices,
     LATERAL (SELECT coalesce(sum(value::bigint), 0) AS dropped_items
              FROM jsonb_each_text(dropped)) AS drops
WHERE completed_at IS NOT NULL AND read <> indexed + unchanged + failed + dropped_items
ORDER BY file_id, number LIMIT $1
"""

MISCOUNTED_FILES = """-- miscounted_files: completed files that supply another number than they say
SELECT format('file %s says %s indexed or unchanged, but supplies %s', id, said, supplied)
FROM (
    SELECT file.id,
           (SELECT coalesce(sum(indexed + unchanged), 0) FROM import_slices
            WHERE file_id = file.id AND run = file.run) AS said,
           (SELECT count(*) FROM record_files
            WHERE file_id = file.id AND run = file.run
              AND outcome IN ('indexed', 'unchanged')) AS supplied
    FROM file_imports AS file
    WHERE file.processing_status IN ('completed', 'completed_with_errors')
) AS counts
WHERE said <> supplied
ORDER BY id LIMIT $1
"""

MISCOUNTED_DEAD_LETTERS = """-- miscounted_dead_letters: slices whose failures were not set aside
SELECT format('slice %s of file %s says %s failed, but has %s dead letters',
              number, file_id, failed, letters)
FROM import_slices AS slice,
     LATERAL (SELECT count(*) AS letters FROM dead_letters AS letter
              WHERE letter.file_id = slice.file_id AND letter.run = slice.run
                AND letter.slice_number = slice.number) AS counts
WHERE completed_at IS NOT NULL AND failed <> letters
ORDER BY file_id, number LIMIT $1
"""

UNSUPPLIED_RECORDS = """-- unsupplied_records: records that no file supplies
SELECT format('record %s has no file that supplies it', id)
FROM parsed_content AS record
WHERE NOT EXISTS (SELECT 1 FROM record_files WHERE record_id = record.id AND supplies)
ORDER BY id LIMIT $1
"""

MISATTRIBUTED_RECORDS = """-- misattributed_records: records of a file that does not supply them
SELECT format('record %s names file %s, which does not supply it', id, file_import_id)
FROM parsed_content AS record
WHERE EXISTS (SELECT 1 FROM record_files WHERE record_id = record.id AND supplies)
  AND NOT EXISTS (SELECT 1 FROM record_files
                  WHERE record_id = record.id AND file_id = record.file_import_id AND supplies)
ORDER BY id LIMIT $1
"""

UNCONFIRMED_RECORDS = """-- unconfirmed_records: contents that the index is not known to hold
SELECT format('record %s is not confirmed to be in the index, and file %s is %s',
              record.id, file.id, file.processing_status)
FROM parsed_content AS record
JOIN file_imports AS file ON file.id = record.file_import_id
WHERE record.indexed_hash IS DISTINCT FROM record.content_hash
  AND file.processing_status IN ('indexing', 'completed', 'completed_with_errors', 'failed')
ORDER BY record.id LIMIT $1
"""

OUTDATED_NAMES = f"""-- outdated_names: records that show another name than the present one
SELECT format('record %s shows %s for %s, which is called %s by now: replay file %s',
              record.id, coalesce(quote_literal(ref.shown), 'no name'), ref.key,
              coalesce(quote_literal(best.name), 'nothing'), file.id)
FROM record_references AS ref
JOIN parsed_content AS record ON record.id = ref.record_id
JOIN file_imports AS file ON file.id = record.file_import_id
LEFT JOIN LATERAL ({BEST_OF_RECORD}) AS best ON TRUE
WHERE best.name IS DISTINCT FROM ref.shown
  AND file.processing_status IN ('indexing', 'completed', 'completed_with_errors', 'failed')
  AND NOT EXISTS ({RUNNING_CHANGE})
ORDER BY record.id, ref.key LIMIT $1
"""

UNFINISHED_RENAMINGS = """-- unfinished_renamings: records that were to show other names
SELECT format('record %s was given other names by file %s, which is %s: replay it',
              renaming.record_id, renaming.file_id,
              coalesce(file.processing_status, 'gone'))
FROM renamings AS renaming
LEFT JOIN file_imports AS file ON file.id = renaming.file_id
WHERE coalesce(file.processing_status, 'failed')
    IN ('indexing', 'completed', 'completed_with_errors', 'failed')
ORDER BY renaming.record_id LIMIT $1
"""

# A file that is gone may have left renamings, which its id still finds.
FILES_WITH_STALE_NAMES = f"""-- files_with_stale_names: files whose records are to be rendered again
SELECT record.file_import_id AS id
FROM record_references AS ref
JOIN parsed_content AS record ON record.id = ref.record_id
JOIN file_imports AS file ON file.id = record.file_import_id
LEFT JOIN LATERAL ({BEST_OF_RECORD}) AS best ON TRUE
WHERE best.name IS DISTINCT FROM ref.shown
  AND file.processing_status IN ('indexing', 'completed', 'completed_with_errors', 'failed')
  AND NOT EXISTS ({RUNNING_CHANGE})
UNION
SELECT renaming.file_id FROM renamings AS renaming
LEFT JOIN file_imports AS file ON file.id = renaming.file_id
WHERE coalesce(file.processing_status, 'failed')
    IN ('indexing', 'completed', 'completed_with_errors', 'failed')
ORDER BY id
"""

STALE_PASSAGES = """-- stale_passages: passages that are not what their members say
SELECT format('the passages of group %s are out of date, and file %s is %s',
              stale.group_id, file.id, file.processing_status)
FROM stale_passages AS stale JOIN file_imports AS file ON file.id = stale.file_id
WHERE file.processing_status IN ('indexing', 'completed', 'completed_with_errors', 'failed')
ORDER BY stale.group_id, file.id LIMIT $1
"""

UNKEPT_PASSAGES = """-- unkept_passages: passages of groups that have no members
SELECT format('group %s has %s passages, but no members', id, chunk_count)
FROM passage_groups AS g
WHERE NOT EXISTS (SELECT 1 FROM passage_members WHERE group_id = g.id)
  AND NOT EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
ORDER BY id LIMIT $1
"""

CHECKS = (
    UNFINISHED_SLICES,
    UNBALANCED_SLICES,
    MISCOUNTED_FILES,
    MISCOUNTED_DEAD_LETTERS,
    UNSUPPLIED_RECORDS,
    MISATTRIBUTED_RECORDS,
    UNCONFIRMED_RECORDS,
    OUTDATED_NAMES,
    UNFINISHED_RENAMINGS,
    STALE_PASSAGES,
    UNKEPT_PASSAGES,
    *ENTITY_CHECKS,
    NOT_LINKED,
)


async def contradictions(connection: Connection, checks: Sequence[str] = CHECKS) -> Sequence[str]:
    """At most ``MAX_SENTENCES_PER_KIND`` of every kind; the scans may take as long as they need."""
    await connection.execute("SET LOCAL statement_timeout = 0")
    found: list[str] = []
    for check in checks:
        rows = await connection.fetch(check, MAX_SENTENCES_PER_KIND, timeout=LONG_SECONDS)
        found.extend(str(row[0]) for row in rows)
    return found
