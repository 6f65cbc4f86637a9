"""Statements over ``arriving_records``."""

from actors.adapters.postgres.full_text import ALL_WORDS, ANY_WORD, WORDS
from actors.adapters.postgres.matches import ALLOWED

SEEN_AFTER = "interval '15 seconds'"
"""Readers of the index see what was written within 5 seconds, unless they are held up."""

# A message is in the index once the passages of its group are.
IS_NEW = """(record.indexed_hash IS DISTINCT FROM record.content_hash OR EXISTS (
        SELECT 1 FROM passage_members AS member JOIN stale_passages AS stale USING (group_id)
        WHERE member.record_id = record.id))"""

IS_ARRIVING = f"""({IS_NEW} OR record.updated_at > now() - {SEEN_AFTER} OR EXISTS (
        SELECT 1 FROM passage_members AS member
        JOIN passage_groups AS g ON g.id = member.group_id
        WHERE member.record_id = record.id AND g.written_at > now() - {SEEN_AFTER}))"""

# Words of what was written are always made anew; of what was only decided again, if they are gone.
ARRIVE = f"""-- arrive: these records are to be given to the index
INSERT INTO arriving_records (record_id, words)
SELECT id, {WORDS} FROM parsed_content AS record
WHERE id = ANY($1::uuid[]) AND content_type <> 'tombstone'
  AND (id = ANY($2::uuid[])
       OR NOT EXISTS (SELECT 1 FROM arriving_records WHERE record_id = record.id))
ORDER BY id
ON CONFLICT (record_id) DO UPDATE SET words = excluded.words
"""

_FROM_ARRIVING = "arriving_records AS arriving JOIN parsed_content AS record ON id = record_id"

SEARCH = f"""-- search_arriving: arriving records with any of the words, those with all surely
WITH found AS (
    (SELECT id FROM {_FROM_ARRIVING}
     WHERE words @@ {ALL_WORDS} AND {ALLOWED} AND {IS_ARRIVING} LIMIT $3)
    UNION
    (SELECT id FROM {_FROM_ARRIVING}
     WHERE words @@ {ANY_WORD} AND {ALLOWED} AND {IS_ARRIVING} LIMIT $3)
)
SELECT record.*, {IS_NEW} AS is_new, ts_rank(words, {ANY_WORD}) AS score
FROM found JOIN {_FROM_ARRIVING} USING (id)
ORDER BY score DESC, id LIMIT $2
"""

MOMENT = """-- arriving_moment: the present time, if any record is arriving
SELECT extract(epoch FROM now())::bigint AS moment WHERE EXISTS (SELECT 1 FROM arriving_records)
"""

# Rows that staging has just written are locked: they are not looked at.
SWEEP = f"""-- sweep_arriving: forget the records that the index has, and whose readers see them
DELETE FROM arriving_records WHERE record_id IN (
    SELECT record_id FROM {_FROM_ARRIVING} WHERE NOT {IS_ARRIVING}
    FOR UPDATE OF arriving SKIP LOCKED
)
RETURNING record_id
"""
