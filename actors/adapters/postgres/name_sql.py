"""Statements over names and the records that show them."""

# The rule of ``naming.py`` again: what every reader of the record may see, newest first.
_BEST = """
    SELECT name, version, names.record_id FROM names
    WHERE names.key = {key}
      AND ('public' = ANY(names.visibility) OR {readers} <@ names.visibility)
      {condition}
    ORDER BY version DESC, names.record_id
    LIMIT 1
"""

FIND_NAMES = f"""-- find_names: the names to show for keys, those of some records left out
SELECT wanted.number, best.*
FROM unnest($1::int[], $2::text[], $3::text[]) AS wanted(number, key, readers)
CROSS JOIN LATERAL ({
    _BEST.format(
        key="wanted.key",
        readers="wanted.readers::text[]",
        condition="AND names.record_id <> ALL($4::uuid[])",
    )
}) AS best
"""

# What changes is compared first, so that a replay leaves no work behind.
PUBLISH_NAMES = """-- publish_names: what these records call things now, and which keys that changes
WITH fresh AS (
    SELECT key, record_id, name, version, visibility::text[]
    FROM unnest($3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
        AS fresh(key, record_id, name, version, visibility)
), gone AS (
    DELETE FROM names
    WHERE record_id = ANY($2::uuid[])
      AND NOT EXISTS (
        SELECT 1 FROM fresh WHERE fresh.record_id = names.record_id AND fresh.key = names.key
      )
    RETURNING key
), kept AS (
    INSERT INTO names (key, record_id, name, version, visibility)
    SELECT * FROM fresh ORDER BY record_id, key
    ON CONFLICT (record_id, key) DO UPDATE
    SET name = excluded.name, version = excluded.version, visibility = excluded.visibility
    WHERE (names.name, names.version, names.visibility)
        IS DISTINCT FROM (excluded.name, excluded.version, excluded.visibility)
    RETURNING key
)
INSERT INTO changed_names (file_id, key)
SELECT $1::uuid, key FROM gone UNION SELECT $1::uuid, key FROM kept
"""

RAISE_NAMES = """-- raise_names: the same names came under greater versions
WITH raised AS (
    UPDATE names SET version = fresh.version
    FROM unnest($2::uuid[], $3::text[]) AS fresh(record_id, version)
    WHERE names.record_id = fresh.record_id
    RETURNING key
)
INSERT INTO changed_names (file_id, key) SELECT DISTINCT $1::uuid, key FROM raised
"""

WITHDRAW_NAMES = """-- withdraw_names: these records are about to go, and their names with them
INSERT INTO changed_names (file_id, key)
SELECT DISTINCT $1::uuid, key FROM names WHERE record_id = ANY($2::uuid[])
"""

KEEP_REFERENCES = """-- keep_references: what these records show for which keys
WITH fresh AS (
    SELECT * FROM unnest($2::text[], $3::uuid[], $4::text[]) AS fresh(key, record_id, shown)
), gone AS (
    DELETE FROM record_references AS kept
    WHERE record_id = ANY($1::uuid[])
      AND NOT EXISTS (
        SELECT 1 FROM fresh WHERE fresh.record_id = kept.record_id AND fresh.key = kept.key
      )
)
INSERT INTO record_references (key, record_id, shown)
SELECT key, record_id, shown FROM fresh ORDER BY key, record_id
ON CONFLICT (key, record_id) DO UPDATE SET shown = excluded.shown
"""

GET_REFERENCES = """-- get_references: what these records show
SELECT record_id, key, shown FROM record_references WHERE record_id = ANY($1::uuid[])
"""

BEST_OF_RECORD = _BEST.format(key="ref.key", readers="record.visibility", condition="")

RUNNING_CHANGE = """
    SELECT 1 FROM changed_names AS change
    JOIN file_imports AS changer ON changer.id = change.file_id
    WHERE change.key = ref.key
      AND changer.processing_status IN ('pending', 'validating', 'queued', 'processing', 'deleting')
"""

CONCERNS_NAMES = """-- concerns_names: whether a file has names to follow, or to adopt
SELECT EXISTS (SELECT 1 FROM changed_names WHERE file_id = $1)
    OR EXISTS (SELECT 1 FROM renamings WHERE file_id = $1)
    OR EXISTS (SELECT 1 FROM parsed_content WHERE file_import_id = $1 AND template IS NOT NULL)
    OR EXISTS (SELECT 1 FROM changed_names JOIN file_imports AS file ON file.id = file_id
               WHERE processing_status = 'failed')
    OR EXISTS (SELECT 1 FROM renamings JOIN file_imports AS file ON file.id = file_id
               WHERE processing_status = 'failed')
"""

# A failed file's leftovers fall to whoever comes next.
ADOPT = """-- adopt_changes: take over what files that failed have left to do
WITH failed AS (
    SELECT id FROM file_imports WHERE processing_status = 'failed' AND id <> $1
), changes AS (
    UPDATE changed_names SET file_id = $1 WHERE file_id IN (SELECT id FROM failed)
)
UPDATE renamings SET file_id = $1 WHERE file_id IN (SELECT id FROM failed)
"""

CHANGED_KEYS = """-- changed_keys: the next keys whose names the file has changed
SELECT id, key FROM changed_names WHERE file_id = $1 ORDER BY id LIMIT $2
"""

FORGET_CHANGES = """-- forget_changes: all who show these keys have followed
DELETE FROM changed_names WHERE id = ANY($1::bigint[])
"""

# What the index is not known to hold is in the hands of an import, which looks at all that it
# has written before it ends.
_IS_STALE = """
    best.name IS DISTINCT FROM ref.shown AND record.indexed_hash = record.content_hash
"""

PAGE_BY_KEY = f"""-- page_by_key: records that show these keys, and whether the name is another now
SELECT ref.key, ref.record_id, coalesce({_IS_STALE}, FALSE) AS is_stale
FROM (
    SELECT * FROM record_references
    WHERE key = ANY($1::text[]) AND (key, record_id) > ($2, $3::uuid)
    ORDER BY key, record_id LIMIT $4
) AS ref
JOIN parsed_content AS record ON record.id = ref.record_id
LEFT JOIN LATERAL ({BEST_OF_RECORD}) AS best ON TRUE
ORDER BY ref.key, ref.record_id
"""

PAGE_BY_FILE = f"""-- page_by_file: a file's records that show names, and whether one is another now
SELECT record.id AS record_id, coalesce(bool_or({_IS_STALE}), FALSE) AS is_stale
FROM (
    SELECT * FROM parsed_content
    WHERE file_import_id = $1 AND template IS NOT NULL AND id > $2::uuid
    ORDER BY id LIMIT $3
) AS record
JOIN record_references AS ref ON ref.record_id = record.id
LEFT JOIN LATERAL ({BEST_OF_RECORD}) AS best ON TRUE
GROUP BY record.id
ORDER BY record.id
"""

RENAMINGS = """-- renamings: records that the file has begun to render again
SELECT record_id FROM renamings WHERE file_id = $1 ORDER BY record_id LIMIT $2
"""

LOCK_SHOWN = """-- lock_shown: records as they came and as they are shown, in everybody's order
SELECT *, greatest(chunk_count, unconfirmed_chunks) AS known_chunks
FROM parsed_content AS record
WHERE id = ANY($1::uuid[])
ORDER BY id
FOR NO KEY UPDATE
"""

# Asked after the lock: what others have changed is visible now.
GET_PRESENT_NAMES = f"""-- get_present_names: what these records show, and what they should
SELECT ref.record_id, ref.key, ref.shown, best.name
FROM record_references AS ref
JOIN parsed_content AS record ON record.id = ref.record_id
LEFT JOIN LATERAL ({BEST_OF_RECORD}) AS best ON TRUE
WHERE ref.record_id = ANY($1::uuid[])
"""

MARKED = """-- marked: which of these records somebody has begun to render again
SELECT record_id FROM renamings WHERE record_id = ANY($1::uuid[])
"""

MARK = """-- mark_renamings: the index may soon hold so many chunks of a text not shown yet
WITH marked AS (
    INSERT INTO renamings (record_id, file_id)
    SELECT id, $1::uuid FROM unnest($2::uuid[]) AS id
    ON CONFLICT (record_id) DO UPDATE SET file_id = excluded.file_id
)
UPDATE parsed_content AS record
SET unconfirmed_chunks = greatest(unconfirmed_chunks, fresh.chunks)
FROM unnest($2::uuid[], $3::int[]) AS fresh(id, chunks)
WHERE record.id = fresh.id
"""

UNMARK = """-- unmark: these records are rendered, or an import has them in hand
DELETE FROM renamings WHERE record_id = ANY($1::uuid[])
"""

SHOW = """-- show_records: the index holds these texts
UPDATE parsed_content AS record
SET title = fresh.title, author = fresh.author, content = fresh.content,
    metadata = fresh.metadata::jsonb, more = fresh.more::json, content_hash = fresh.content_hash,
    indexed_hash = fresh.content_hash, chunk_count = fresh.chunk_count, unconfirmed_chunks = 0,
    vector_id = fresh.vector_id, embedding_model = $9, updated_at = now(), url = fresh.url,
    occurred_at = fresh.occurred_at, visibility = fresh.visibility::text[]
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::int[], $10::text[], $11::text[], $12::timestamptz[], $13::text[])
    AS fresh(id, title, author, content, metadata, more, content_hash, chunk_count, vector_id,
             url, occurred_at, visibility)
WHERE record.id = fresh.id
"""
