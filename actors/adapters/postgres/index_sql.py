"""Statements over ``search_indexes`` and ``index_contents``."""

INDEX_LOCK = 0x4865616472616366
"""Advisory lock. Whoever writes for the active index shares it; who switches has it alone."""

SHARE_INDEX = f"""-- share_index: let nobody switch to another index until this transaction ends
SELECT pg_advisory_xact_lock_shared({INDEX_LOCK})
"""

HOLD_INDEX = f"""-- hold_index: let everybody wait who writes for the active index
SELECT pg_advisory_xact_lock({INDEX_LOCK})
"""

ACTIVE_MODEL = """-- active_model: the model of the index in use
SELECT model FROM search_indexes WHERE state = 'active'
"""

GET_BY_STATE = """-- get_by_state: the one index in a state
SELECT * FROM search_indexes WHERE state = $1
"""

GET_INDEX = """-- get_index: one index, until its change is committed; what it holds may be written
SELECT * FROM search_indexes WHERE model = $1 FOR NO KEY UPDATE
"""

LIST_INDEXES = """-- list_indexes: all, oldest first
SELECT one.*, total,
       CASE WHEN state = 'active' THEN total ELSE
           (SELECT count(*) FROM index_contents AS held
            WHERE held.model = one.model AND held.fingerprint IS NOT NULL) END AS held
FROM search_indexes AS one,
     LATERAL (SELECT (SELECT count(*) FROM parsed_content)
                   + (SELECT count(*) FROM passage_groups) AS total) AS owners
ORDER BY created_at, model
"""

REGISTER = """-- register_index: the first index of this installation
INSERT INTO search_indexes (model, dimension, location, recipe, state, activated_at)
VALUES ($1, $2, $3, $4, 'active', now())
ON CONFLICT DO NOTHING
"""

REQUEST = """-- request_index: let an index be built, or brought up to date if it is kept
INSERT INTO search_indexes (model, dimension, location, recipe, state)
VALUES ($1, $2, $3, $4, 'building')
ON CONFLICT (model) DO UPDATE
SET state = 'building', recipe = excluded.recipe, error = NULL, retired_at = NULL
RETURNING *
"""

CANCEL = """-- cancel_index: build it no further
UPDATE search_indexes SET state = 'retired', retired_at = now(), error = NULL
WHERE state = 'building' RETURNING *
"""

NOTE_ERROR = """-- note_index_error: what keeps an index from being built
UPDATE search_indexes SET error = $2 WHERE model = $1 AND error IS DISTINCT FROM $2
"""

FORGET_INDEX = """-- forget_index: its chunks are gone
DELETE FROM search_indexes WHERE model = $1 AND state = 'retired' RETURNING model
"""

BUILD_ALONE = """-- build_alone: whether nobody else builds this index
SELECT pg_try_advisory_xact_lock(hashtextextended('index ' || $1, 0))
"""

# What a record's present content is, for an index: who supplies it is part of its chunks.
_RECORD = "record.content_hash || '/' || record.file_import_id"

OUTDATED_RECORDS = f"""-- outdated_records: records that an index does not hold as they are
SELECT record.*, {_RECORD} AS fingerprint, coalesce(held.chunk_count, 0) AS known_chunks
FROM parsed_content AS record
LEFT JOIN index_contents AS held ON held.model = $1 AND held.owner_id = record.id
WHERE held.fingerprint IS DISTINCT FROM {_RECORD}
  AND ($2::uuid IS NULL OR record.id > $2)
  AND EXISTS (SELECT 1 FROM search_indexes WHERE model = $1 AND state = 'building')
ORDER BY record.id LIMIT $3
"""

OUTDATED_GROUPS = """-- outdated_groups: groups whose passages an index does not hold as they are
SELECT g.id, g.revision, coalesce(held.chunk_count, 0) AS known_chunks
FROM passage_groups AS g
LEFT JOIN index_contents AS held ON held.model = $1 AND held.owner_id = g.id
WHERE held.fingerprint IS DISTINCT FROM g.revision::text
  AND ($2::uuid IS NULL OR g.id > $2)
  AND EXISTS (SELECT 1 FROM search_indexes WHERE model = $1 AND state = 'building')
ORDER BY g.id LIMIT $3
"""

LEFTOVERS = """-- leftovers: what an index holds of records and groups that are gone
SELECT held.owner_id, held.chunk_count FROM index_contents AS held
WHERE held.model = $1
  AND NOT EXISTS (SELECT 1 FROM parsed_content WHERE id = held.owner_id)
  AND NOT EXISTS (SELECT 1 FROM passage_groups WHERE id = held.owner_id)
ORDER BY held.owner_id LIMIT $2
"""

ANNOUNCE = """-- announce_contents: the index may soon hold these, or what it held before
INSERT INTO index_contents AS held (model, owner_id, fingerprint, chunk_count)
SELECT $1::text, fresh.owner_id, NULL, fresh.chunk_count
FROM unnest($2::uuid[], $3::int[]) AS fresh(owner_id, chunk_count)
ON CONFLICT (model, owner_id) DO UPDATE
SET fingerprint = NULL, chunk_count = greatest(held.chunk_count, excluded.chunk_count)
"""

HOLD = """-- hold_contents: the index holds these contents
UPDATE index_contents AS held
SET fingerprint = fresh.fingerprint, chunk_count = fresh.chunk_count, vector_id = fresh.vector_id
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::text[])
    AS fresh(owner_id, fingerprint, chunk_count, vector_id)
WHERE held.model = $1 AND held.owner_id = fresh.owner_id
"""

FORGET_CONTENTS = """-- forget_contents: the index holds nothing of these
DELETE FROM index_contents WHERE model = $1 AND owner_id = ANY($2::uuid[])
"""

IS_INCOMPLETE = f"""-- is_incomplete: whether an index is not what the store says
SELECT EXISTS (
    SELECT 1 FROM parsed_content AS record
    LEFT JOIN index_contents AS held ON held.model = $1 AND held.owner_id = record.id
    WHERE held.fingerprint IS DISTINCT FROM {_RECORD}
) OR EXISTS (
    SELECT 1 FROM passage_groups AS g
    LEFT JOIN index_contents AS held ON held.model = $1 AND held.owner_id = g.id
    WHERE held.fingerprint IS DISTINCT FROM g.revision::text
) OR EXISTS (
    SELECT 1 FROM index_contents AS held
    WHERE held.model = $1
      AND NOT EXISTS (SELECT 1 FROM parsed_content WHERE id = held.owner_id)
      AND NOT EXISTS (SELECT 1 FROM passage_groups WHERE id = held.owner_id)
)
"""

# What is unconfirmed, or being renamed, may have left chunks of another content.
KEEP_RECORDS = f"""-- keep_records: what the index that retires holds of records
INSERT INTO index_contents (model, owner_id, fingerprint, chunk_count, vector_id)
SELECT $1::text, record.id,
       CASE WHEN indexed_hash = content_hash AND unconfirmed_chunks = 0
                 AND embedding_model = $1 THEN {_RECORD} END,
       greatest(chunk_count, unconfirmed_chunks,
                CASE WHEN indexed_hash IS DISTINCT FROM content_hash
                     THEN length(content) / 16 + 1 ELSE 0 END),
       vector_id
FROM parsed_content AS record
ON CONFLICT (model, owner_id) DO UPDATE
SET fingerprint = excluded.fingerprint, chunk_count = excluded.chunk_count,
    vector_id = excluded.vector_id
"""

KEEP_GROUPS = """-- keep_groups: what the index that retires holds of groups
INSERT INTO index_contents (model, owner_id, fingerprint, chunk_count)
SELECT $1::text, g.id,
       CASE WHEN unconfirmed_chunks = 0 AND embedding_model = $1
                 AND NOT EXISTS (SELECT 1 FROM stale_passages WHERE group_id = g.id)
            THEN revision::text END,
       greatest(chunk_count, unconfirmed_chunks)
FROM passage_groups AS g
ON CONFLICT (model, owner_id) DO UPDATE
SET fingerprint = excluded.fingerprint, chunk_count = excluded.chunk_count
"""

TAKE_RECORDS = """-- take_records: the new index holds them
UPDATE parsed_content AS record
SET indexed_hash = content_hash, embedding_model = $1, chunk_count = held.chunk_count,
    unconfirmed_chunks = 0, vector_id = held.vector_id
FROM index_contents AS held
WHERE held.model = $1 AND held.owner_id = record.id
"""

TAKE_GROUPS = """-- take_groups: the new index holds them
UPDATE passage_groups AS g
SET embedding_model = $1, chunk_count = held.chunk_count, unconfirmed_chunks = 0
FROM index_contents AS held
WHERE held.model = $1 AND held.owner_id = g.id
"""

FORGET_ALL_CONTENTS = """-- forget_all_contents: records and groups say it themselves now
DELETE FROM index_contents WHERE model = $1
"""

RETIRE = """-- retire_index: it is kept, and no longer written to
UPDATE search_indexes SET state = 'retired', retired_at = now() WHERE state = 'active'
"""

ACTIVATE = """-- activate_index: queries and imports use it from now on
UPDATE search_indexes
SET state = 'active', activated_at = now(), retired_at = NULL, error = NULL
WHERE model = $1
"""
