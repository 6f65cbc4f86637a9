"""Statements over ``file_imports``."""

from actors.adapters.postgres.outbox import TELL

LOCK_OBJECT = """-- lock_object: one change at a time to the files that stand on an object
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))
"""

INSERT_FILE = f"""-- insert_file: a new file and its event, unless it is there
WITH alone AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended($6::text, 0))
), fresh AS (
    INSERT INTO file_imports
        (id, filename, source_type, file_size, mime_type, s3_key, sha256, options, priority)
    SELECT $1::uuid, $2, $3, $4::bigint, $5, $6, $7, $8, $9::smallint FROM alone
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), {TELL.format(changed="fresh", name="$10", payload="$11")}
SELECT fresh.*, pg_notify('headrace_events', '') FROM fresh
"""

GET_FILE = """-- get_file: one file
SELECT * FROM file_imports WHERE id = $1
"""

LOCK_FILE = """-- lock_file: one file, until its change is committed
SELECT * FROM file_imports WHERE id = $1 FOR UPDATE
"""

LIST_FILES = """-- list_files: a page of files, newest upload first
SELECT * FROM file_imports
WHERE ($2::timestamptz IS NULL OR upload_timestamp < $2)
  AND ($3::text IS NULL OR processing_status = $3)
ORDER BY upload_timestamp DESC, id
LIMIT $1
"""

DESCRIBE_FILE = """-- describe_file: keep what validation found out
UPDATE file_imports SET source_type = $2, parser = $3, metadata = $4, updated_at = now()
WHERE id = $1
RETURNING id
"""

_MOVED = """
SET processing_status = $2::text,
    error_message = coalesce($3, error_message),
    processing_started_at = CASE WHEN $2::text = 'processing'
        THEN coalesce(processing_started_at, now()) ELSE processing_started_at END,
    processing_completed_at = CASE WHEN $4::bool
        THEN now() ELSE processing_completed_at END,
    lease_owner = NULL, acquired_until = NULL, updated_at = now()"""

MOVE_FILE = f"""-- move_file: give the file its next status, and end the lease if it was processed
UPDATE file_imports {_MOVED}
WHERE id = $1
RETURNING *
"""

MOVE_FILE_AT_ONCE = f"""-- move_file_at_once: lock, move and tell, where the status before allows it
WITH locked AS (
    SELECT id FROM file_imports
    WHERE id = $1 AND processing_status = ANY($5::text[])
      AND ($6::int IS NULL OR attempt = $6 AND run = $7::int)
    FOR UPDATE
), moved AS (
    UPDATE file_imports AS file {_MOVED}
    FROM locked WHERE file.id = locked.id
    RETURNING file.*
), {TELL.format(changed="moved", name="$8", payload="$9")}
SELECT moved.*, CASE WHEN $10::bool THEN pg_notify('headrace_events', '') END FROM moved
"""

DELETE_SLICES = """-- delete_slices: those of the run that ends
DELETE FROM import_slices WHERE file_id = $1
"""

DELETE_DEAD_LETTERS = """-- delete_file_dead_letters: those of the run that ends
DELETE FROM dead_letters WHERE file_id = $1
"""

DELETE_DEAD_EVENTS = """-- delete_dead_events: those of the run that ends
DELETE FROM dead_events WHERE file_id = $1
"""

RESTART_FILE = """-- restart_file: begin a new run
UPDATE file_imports
SET processing_status = 'pending', run = run + 1, error_message = NULL,
    processing_started_at = NULL, processing_completed_at = NULL,
    lease_owner = NULL, acquired_until = NULL, updated_at = now()
WHERE id = $1
RETURNING *
"""

HAS_RECORDS = """-- has_records: whether the file still owns records
SELECT EXISTS (SELECT 1 FROM parsed_content WHERE file_import_id = $1)
"""

WITHOUT_TIMEOUT = """-- without_timeout: let the removal of a large file take its time
SET LOCAL statement_timeout = 0
"""

DELETE_FILE = """-- delete_file: remove the file and all that hangs on it
DELETE FROM file_imports WHERE id = $1
"""

COUNT_REFERENCES = """-- count_references: other files that stand on the object
SELECT count(*) FROM file_imports WHERE s3_key = $1 AND id <> $2
"""

MOVE_OBJECT = """-- move_object: the file's bytes have another name now
UPDATE file_imports SET s3_key = $2, sha256 = $3, file_size = $4, updated_at = now()
WHERE id = $1
"""

EARLIER_FILES = """-- earlier_files: those that a file may take the place of
SELECT earlier.id FROM file_imports AS earlier
JOIN file_imports AS file
    ON file.filename = earlier.filename AND file.source_type = earlier.source_type
WHERE file.id = $1
  AND (earlier.upload_timestamp, earlier.id) < (file.upload_timestamp, file.id)
  AND earlier.processing_status <> 'deleting'
ORDER BY earlier.upload_timestamp, earlier.id
"""

LIST_DEAD_LETTERS = """-- list_dead_letters: what was set aside in the present run
SELECT letter.* FROM dead_letters AS letter
JOIN file_imports AS file ON file.id = letter.file_id AND file.run = letter.run
WHERE letter.file_id = $1
ORDER BY letter.slice_number, letter.id
LIMIT $2
"""

SUM_SLICES = """-- sum_slices: progress and counts of the files' present runs
SELECT slice.file_id, sum(size_bytes)::bigint AS bytes_total,
       sum(bytes_done)::bigint AS bytes_done, sum(records_done)::bigint AS records_done,
       sum(read)::bigint AS read, sum(indexed)::bigint AS indexed,
       sum(unchanged)::bigint AS unchanged, sum(failed)::bigint AS failed,
       sum(CASE WHEN completed_at IS NULL THEN records_staged
           ELSE indexed + unchanged END)::bigint AS found_by_words,
       sum(CASE WHEN completed_at IS NULL THEN least(records_done, records_staged)
           ELSE indexed + unchanged END)::bigint AS found_by_meaning,
       count(*) AS slices, count(completed_at) AS slices_completed
FROM import_slices AS slice
JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run
WHERE slice.file_id = ANY($1::uuid[])
GROUP BY slice.file_id
"""

SUM_DROPPED = """-- sum_dropped: dropped items of the files' present runs, by rule
SELECT slice.file_id, rule.key AS rule, sum(rule.value::bigint)::bigint AS items
FROM import_slices AS slice
JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run,
     jsonb_each_text(slice.dropped) AS rule
WHERE slice.file_id = ANY($1::uuid[])
GROUP BY slice.file_id, rule.key
"""

NOW = """-- now: by the clock that the timestamps were taken from
SELECT now()
"""

COUNT_STATUSES = """-- count_statuses: files by status
SELECT processing_status, count(*) AS files FROM file_imports
WHERE processing_status <> 'deleting'
GROUP BY processing_status
"""

SUM_LEDGERS = """-- sum_ledgers: what became of everything that was read
SELECT coalesce(sum(read), 0)::bigint AS read, coalesce(sum(indexed), 0)::bigint AS indexed,
       coalesce(sum(unchanged), 0)::bigint AS unchanged, coalesce(sum(failed), 0)::bigint AS failed
FROM import_slices AS slice
JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run
WHERE file.processing_status <> 'deleting' AND slice.completed_at IS NOT NULL
"""

SUM_ALL_DROPPED = """-- sum_all_dropped: what was dropped, by rule
SELECT rule.key AS rule, sum(rule.value::bigint)::bigint AS items
FROM import_slices AS slice
JOIN file_imports AS file ON file.id = slice.file_id AND file.run = slice.run,
     jsonb_each_text(slice.dropped) AS rule
WHERE file.processing_status <> 'deleting' AND slice.completed_at IS NOT NULL
GROUP BY rule.key
"""

COUNT_CHUNKS = """-- count_chunks: chunks that the index holds
SELECT ((SELECT coalesce(sum(chunk_count), 0) FROM parsed_content)
      + (SELECT coalesce(sum(chunk_count), 0) FROM passage_groups))::bigint
"""
