"""Statements over ``parsed_content`` and ``record_files``."""

# An unconfirmed content may have left chunks in the index; 16 characters are fewer than any chunk
# moves on by, so this is an upper bound of their number.
LOCK_RECORDS = """-- lock_records: what is stored, in the order in which everybody locks
SELECT id, file_import_id, version, content_hash, indexed_hash, embedding_model, source_hash,
       template IS NOT NULL AS has_references, more IS NOT NULL AS has_more,
       greatest(chunk_count, unconfirmed_chunks) AS known_chunks,
       CASE WHEN indexed_hash IS DISTINCT FROM content_hash
            THEN length(content) / 16 + 1 ELSE 0 END AS possible_chunks
FROM parsed_content
WHERE id = ANY($1::uuid[])
ORDER BY id
FOR NO KEY UPDATE
"""

GET_SUPPLIES = """-- get_supplies: what this run has decided already
SELECT record_id, place, outcome, supplies FROM record_files
WHERE file_id = $1 AND record_id = ANY($2::uuid[]) AND run = $3
"""

INSERT_RECORDS = """-- insert_records: new records, unless somebody else was faster
INSERT INTO parsed_content
    (id, content_type, source_id, native_id, source_type, content, metadata, title, author,
     occurred_at, url, thread, version, visibility, place, content_hash,
     more, template, source_hash, file_import_id, parser, embedding_model)
SELECT id, content_type, source_id, native_id, source_type, content, metadata::jsonb, title,
       author, occurred_at, url, thread, version, visibility::text[], place, content_hash,
       more::json, template::json, source_hash, $20::uuid, $21::text, $22::text
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])
    AS fresh(id, content_type, source_id, native_id, source_type, content, metadata, title,
             author, occurred_at, url, thread, version, visibility, place, content_hash,
             more, template, source_hash)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id
"""

UPDATE_RECORDS = """-- update_records: take over changed contents; the index does not hold them yet
UPDATE parsed_content AS record
SET content_type = fresh.content_type, source_id = fresh.source_id, native_id = fresh.native_id,
    source_type = fresh.source_type, content = fresh.content, metadata = fresh.metadata::jsonb,
    title = fresh.title, author = fresh.author, occurred_at = fresh.occurred_at,
    url = fresh.url, thread = fresh.thread, version = fresh.version,
    visibility = fresh.visibility::text[], place = fresh.place,
    content_hash = fresh.content_hash, more = fresh.more::json,
    template = fresh.template::json, source_hash = fresh.source_hash,
    file_import_id = $20::uuid, parser = $21::text, embedding_model = $22::text,
    indexed_hash = NULL, unconfirmed_chunks = fresh.left_chunks, updated_at = now()
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
            $23::int[])
    AS fresh(id, content_type, source_id, native_id, source_type, content, metadata, title,
             author, occurred_at, url, thread, version, visibility, place, content_hash,
             more, template, source_hash, left_chunks)
WHERE record.id = fresh.id
"""

RAISE_VERSIONS = """-- raise_versions: the same contents came under greater versions
UPDATE parsed_content AS record SET version = fresh.version
FROM unnest($1::uuid[], $2::text[]) AS fresh(id, version)
WHERE record.id = fresh.id
"""

NAME_READERS = """-- name_readers: another parser has read the same contents again
UPDATE parsed_content SET parser = $2 WHERE id = ANY($1::uuid[]) AND parser <> $2
"""

VERSIONS_OF = """-- versions_of: which versions of a parser have read what is stored, by file
SELECT file_import_id, array_agg(DISTINCT substr(parser, length($1) + 2)) AS versions
FROM parsed_content
WHERE starts_with(parser, $1 || '/') AND file_import_id IS NOT NULL
GROUP BY file_import_id
"""

KEEP_SUPPLIES = """-- keep_supplies: what was decided about the run's records
INSERT INTO record_files (file_id, record_id, run, slice_number, place, outcome, supplies)
SELECT $1::uuid, fresh.record_id, $2::int, $3::int, fresh.place, fresh.outcome, fresh.supplies
FROM unnest($4::uuid[], $5::text[], $6::text[], $7::bool[])
    AS fresh(record_id, place, outcome, supplies)
ON CONFLICT (file_id, record_id) DO UPDATE
SET run = excluded.run, outcome = excluded.outcome, supplies = excluded.supplies,
    place = excluded.place,
    slice_number = CASE WHEN record_files.run = excluded.run
        THEN record_files.slice_number ELSE excluded.slice_number END
"""

LOCK_CURRENT = """-- lock_current: of these, the records that still have the content
SELECT record.id FROM parsed_content AS record
JOIN unnest($1::uuid[], $2::text[]) AS fresh(id, content_hash)
    ON record.id = fresh.id AND record.content_hash = fresh.content_hash
ORDER BY record.id
FOR NO KEY UPDATE OF record
"""

# The time is that after the index was written, not that of the transaction, which began before.
CONFIRM = """-- confirm_records: the index holds these contents, as this file brought them
UPDATE parsed_content AS record
SET indexed_hash = record.content_hash, embedding_model = $2, file_import_id = $1,
    chunk_count = held.chunk_count, unconfirmed_chunks = 0, vector_id = held.vector_id,
    updated_at = clock_timestamp()
FROM unnest($3::uuid[], $4::int[], $5::text[]) AS held(id, chunk_count, vector_id)
WHERE record.id = held.id
"""

GET_RECORD = """-- get_record: one record that is not deleted
SELECT * FROM parsed_content WHERE id = $1 AND content_type <> 'tombstone'
"""

GET_THREAD = """-- get_thread: a conversation and the record that it is named after, oldest first
SELECT * FROM parsed_content
WHERE ((source_type = $1 AND left(thread, 255) = left($2, 255) AND thread = $2) OR id = $3)
  AND content_type <> 'tombstone'
ORDER BY occurred_at NULLS LAST, id
LIMIT $4
"""

PAGE_RECORDS = """-- page_records: all records in order of id, without their contents
SELECT id, file_import_id, content_type, source_id, native_id, source_type, '' AS content,
       metadata, title, author, occurred_at, url, thread, version, visibility, place, parser,
       chunk_count, embedding_model, NULL AS more
FROM parsed_content
WHERE $1::uuid IS NULL OR id > $1
ORDER BY id
LIMIT $2
"""

VECTOR_COUNT = """-- vector_count: chunks in the index of all records that a file supplies
WITH supplied AS (
    SELECT c.id, c.chunk_count
    FROM record_files f JOIN parsed_content c ON c.id = f.record_id
    WHERE f.file_id = $1 AND f.supplies AND c.indexed_hash IS NOT NULL
)
SELECT (SELECT COALESCE(SUM(chunk_count), 0) FROM supplied)
     + (SELECT COALESCE(SUM(chunk_count), 0) FROM passage_groups
        WHERE id IN (SELECT member.group_id
                     FROM supplied JOIN passage_members AS member
                       ON member.record_id = supplied.id))
"""

COUNT_RECORDS = """-- count_records: all that are stored and not deleted
SELECT count(*) FROM parsed_content WHERE content_type <> 'tombstone'
"""

# The lock comes first and the question second: whoever stages a record holds its lock, so once
# it is ours, every supplier that will count is visible.
LOCK_REMOVABLE = """-- lock_removable: records that no other file seems to supply
SELECT id FROM parsed_content AS record
WHERE id IN (SELECT record_id FROM record_files WHERE file_id = $1)
  AND NOT EXISTS (
    SELECT 1 FROM record_files AS other
    WHERE other.record_id = record.id AND other.file_id <> $1 AND other.supplies
  )
ORDER BY id
LIMIT $2
FOR UPDATE
"""

GET_REMOVABLE = """-- get_removable: of the locked records, those that no other file supplies
SELECT record.*,
       greatest(chunk_count, unconfirmed_chunks,
                CASE WHEN indexed_hash IS DISTINCT FROM content_hash
                     THEN length(content) / 16 + 1 ELSE 0 END) AS possible_chunks
FROM parsed_content AS record
WHERE id = ANY($2::uuid[])
  AND NOT EXISTS (
    SELECT 1 FROM record_files AS other
    WHERE other.record_id = record.id AND other.file_id <> $1 AND other.supplies
  )
ORDER BY id
"""

DELETE_RECORDS = """-- delete_records: remove records, and who supplied them
DELETE FROM parsed_content WHERE id = ANY($1::uuid[])
"""

LOCK_SHARED = """-- lock_shared: records of this file that another file supplies too
SELECT id FROM parsed_content AS record
WHERE file_import_id = $1
  AND EXISTS (
    SELECT 1 FROM record_files AS other
    WHERE other.record_id = record.id AND other.file_id <> $1 AND other.supplies
  )
ORDER BY id
LIMIT $2
FOR NO KEY UPDATE
"""

HAND_OVER = """-- hand_over: let the newest other supplier have each record
UPDATE parsed_content AS record SET file_import_id = heir.file_id, updated_at = now()
FROM (
    SELECT DISTINCT ON (other.record_id) other.record_id, other.file_id
    FROM record_files AS other
    JOIN file_imports AS file ON file.id = other.file_id
    WHERE other.record_id = ANY($2::uuid[]) AND other.file_id <> $1 AND other.supplies
    ORDER BY other.record_id, file.processing_status = 'deleting', file.upload_timestamp DESC,
             file.id
) AS heir
WHERE record.id = heir.record_id
RETURNING record.id, record.file_import_id
"""
