"""Statements that compare all rows, and those of repairs that no import stands behind."""

AT_REST = "('indexing', 'completed', 'completed_with_errors', 'failed')"

PAGE_OWNERS = """-- page_record_owners: what the index has to hold of each record, and what it may
SELECT record.id, embedding_model,
       CASE WHEN indexed_hash = content_hash AND file.processing_status <> 'deleting'
            THEN chunk_count ELSE 0 END AS certain,
       greatest(chunk_count, unconfirmed_chunks,
                CASE WHEN indexed_hash IS DISTINCT FROM content_hash
                     THEN length(content) / 16 + 1 ELSE 0 END) AS possible
FROM parsed_content AS record
LEFT JOIN file_imports AS file ON file.id = record.file_import_id
WHERE $1::uuid IS NULL OR record.id > $1
ORDER BY record.id LIMIT $2
"""

# Passages of a stale group are about to be written anew, perhaps fewer.
PAGE_GROUP_OWNERS = """-- page_group_owners: the same of each group
SELECT id, embedding_model,
       CASE WHEN EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
            THEN 0 ELSE chunk_count END AS certain,
       greatest(chunk_count, unconfirmed_chunks) AS possible
FROM passage_groups AS g
WHERE $1::uuid IS NULL OR id > $1
ORDER BY id LIMIT $2
"""

UNCONFIRMED_AT_REST = f"""-- unconfirmed_at_rest: records not known to be indexed, in nobody's hand
SELECT record.id FROM parsed_content AS record
JOIN file_imports AS file ON file.id = record.file_import_id
WHERE record.indexed_hash IS DISTINCT FROM record.content_hash
  AND file.processing_status IN {AT_REST}
ORDER BY record.id
"""

EMBEDDED_OTHERWISE = """-- embedded_otherwise: records of another model than the active index
SELECT record.id FROM parsed_content AS record
JOIN search_indexes AS active ON active.state = 'active'
WHERE record.indexed_hash = record.content_hash
  AND record.embedding_model IS DISTINCT FROM active.model
ORDER BY record.id
"""

GROUPS_EMBEDDED_OTHERWISE = """-- groups_embedded_otherwise: passages of another model
SELECT g.id FROM passage_groups AS g
JOIN search_indexes AS active ON active.state = 'active'
WHERE g.chunk_count > 0 AND g.embedding_model IS DISTINCT FROM active.model
  AND NOT EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
ORDER BY g.id
"""

RECORDS_OF = """-- records_of: whole records, with what the index may hold of them
SELECT record.*, content_hash AS fingerprint,
       greatest(chunk_count, unconfirmed_chunks,
                CASE WHEN indexed_hash IS DISTINCT FROM content_hash
                     THEN length(content) / 16 + 1 ELSE 0 END) AS known_chunks
FROM parsed_content AS record
WHERE id = ANY($1::uuid[])
ORDER BY id
"""

MENDED = """-- mended: the index holds these contents again
UPDATE parsed_content AS record
SET indexed_hash = content_hash, embedding_model = $1, chunk_count = held.chunk_count,
    unconfirmed_chunks = 0, vector_id = held.vector_id, updated_at = now()
FROM unnest($2::uuid[], $3::int[], $4::text[]) AS held(id, chunk_count, vector_id)
WHERE record.id = held.id
"""

GROUPS_OF = """-- groups_of: groups, to be composed anew
SELECT id, revision, greatest(chunk_count, unconfirmed_chunks) AS known_chunks
FROM passage_groups WHERE id = ANY($1::uuid[]) ORDER BY id
"""

MEMBERLESS_GROUPS = """-- memberless_groups: groups that nobody is in and nobody sees to
SELECT id FROM passage_groups AS g
WHERE NOT EXISTS (SELECT 1 FROM passage_members WHERE group_id = g.id)
  AND NOT EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
ORDER BY id
"""

FILES_WITH_STALE_GROUPS = f"""-- files_with_stale_groups: files at rest with passages to see to
SELECT DISTINCT stale.file_id FROM stale_passages AS stale
JOIN file_imports AS file ON file.id = stale.file_id
WHERE file.processing_status IN {AT_REST}
ORDER BY stale.file_id
"""

OBJECT_KEYS = """-- object_keys: all objects that files stand on
SELECT DISTINCT s3_key FROM file_imports
"""

FORGET_ORPHANS = """-- forget_orphans: these are orphans no more, or gone
DELETE FROM seen_orphans WHERE kind = $1 AND id <> ALL($2::text[])
"""

SEE_ORPHANS = """-- see_orphans: since when each of these belongs to nobody
INSERT INTO seen_orphans (kind, id, first_seen)
SELECT $1::text, id, $3::timestamptz FROM unnest($2::text[]) AS id
ON CONFLICT (kind, id) DO NOTHING
"""

GET_ORPHANS = """-- get_orphans: since when each was seen
SELECT id, first_seen FROM seen_orphans WHERE kind = $1 ORDER BY id
"""
