"""Statements over groups of records that share passages.

Whoever locks several groups does so in order of id, and after the records that it locks.
"""

LOCK_GROUPS = """-- lock_groups: those that are there, in the order in which everybody locks
SELECT id FROM passage_groups WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""

TOUCH_GROUPS = """-- touch_groups: make groups anew, or note that they are no longer what they were
INSERT INTO passage_groups (id)
SELECT id FROM unnest($1::uuid[]) AS touched(id) ORDER BY id
ON CONFLICT (id) DO UPDATE SET revision = nextval('passage_revisions')
"""

KEEP_STALE = """-- keep_stale: let a file see to groups
INSERT INTO stale_passages (file_id, group_id)
SELECT $1::uuid, id FROM unnest($2::uuid[]) AS stale(id) ORDER BY id
ON CONFLICT DO NOTHING
"""

SHARE_STALE = """-- share_stale: let a file wait for those groups that others see to
INSERT INTO stale_passages (file_id, group_id)
SELECT DISTINCT $1::uuid, group_id FROM stale_passages WHERE group_id = ANY($2::uuid[])
ORDER BY group_id
ON CONFLICT DO NOTHING
"""

GET_GROUPS = """-- get_groups: the groups that records are in
SELECT DISTINCT group_id FROM passage_members WHERE record_id = ANY($1::uuid[])
"""

KEEP_MEMBERS = """-- keep_members: which group each record is in
INSERT INTO passage_members (record_id, group_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[])
ON CONFLICT (record_id) DO UPDATE SET group_id = excluded.group_id
WHERE passage_members.group_id <> excluded.group_id
"""

DELETE_MEMBERS = """-- delete_members: records that are in no group any more
DELETE FROM passage_members WHERE record_id = ANY($1::uuid[])
"""

PAGE_STALE = """-- page_stale: groups that a file has to see to
SELECT g.id, g.revision, greatest(g.chunk_count, g.unconfirmed_chunks) AS known_chunks
FROM stale_passages AS stale JOIN passage_groups AS g ON g.id = stale.group_id
WHERE stale.file_id = $1 AND ($2::uuid IS NULL OR stale.group_id > $2)
ORDER BY stale.group_id
LIMIT $3
"""

COUNT_STALE = """-- count_stale: how many groups a file has to see to
SELECT count(*) FROM stale_passages WHERE file_id = $1
"""

GET_MEMBERS = """-- get_members: all records of groups
SELECT member.group_id, record.*
FROM passage_members AS member JOIN parsed_content AS record ON record.id = member.record_id
WHERE member.group_id = ANY($1::uuid[])
"""

ANNOUNCE = """-- announce_passages: what a writer that dies may leave in the index
WITH announced AS (
    SELECT g.id, fresh.chunk_count
    FROM passage_groups AS g
    JOIN unnest($1::uuid[], $2::bigint[], $3::int[]) AS fresh(id, revision, chunk_count)
        ON g.id = fresh.id AND g.revision = fresh.revision
    ORDER BY g.id
    FOR NO KEY UPDATE OF g
)
UPDATE passage_groups AS g
SET unconfirmed_chunks = greatest(g.unconfirmed_chunks, announced.chunk_count),
    embedding_model = CASE WHEN g.chunk_count = 0 THEN $4 ELSE g.embedding_model END
FROM announced WHERE g.id = announced.id
"""

LOCK_UNCHANGED = """-- lock_unchanged: groups that are still what they were
SELECT g.id FROM passage_groups AS g
JOIN unnest($1::uuid[], $2::bigint[]) AS fresh(id, revision)
    ON g.id = fresh.id AND g.revision = fresh.revision
ORDER BY g.id
FOR UPDATE OF g
"""

CONFIRM_GROUPS = """-- confirm_groups: the index holds their passages; none is stale
WITH seen_to AS (
    DELETE FROM stale_passages WHERE group_id = ANY($1::uuid[])
)
UPDATE passage_groups AS g
SET chunk_count = fresh.chunk_count, unconfirmed_chunks = 0, embedding_model = $3,
    written_at = clock_timestamp()
FROM unnest($1::uuid[], $2::int[]) AS fresh(id, chunk_count)
WHERE g.id = fresh.id
"""

FORGET_EMPTY = """-- forget_empty: groups whose last member is gone
DELETE FROM passage_groups AS g
WHERE g.id = ANY($1::uuid[])
  AND NOT EXISTS (SELECT 1 FROM passage_members AS member WHERE member.group_id = g.id)
"""

PAGE_GROUPS = """-- page_groups: all groups in order of id
SELECT id, chunk_count, embedding_model FROM passage_groups
WHERE $1::uuid IS NULL OR id > $1
ORDER BY id
LIMIT $2
"""

TOUCH_GROUPS_OF = """-- touch_groups_of: records have other files, which their passages are to name
UPDATE passage_groups AS g SET revision = nextval('passage_revisions')
FROM (
    SELECT id FROM passage_groups
    WHERE id IN (SELECT group_id FROM passage_members WHERE record_id = ANY($1::uuid[]))
    ORDER BY id
    FOR NO KEY UPDATE
) AS touched
WHERE g.id = touched.id
"""
