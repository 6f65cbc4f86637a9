"""Statements over ``arriving_records``."""

from actors.adapters.postgres.full_text import ALL_WORDS, ANY_WORD, WORDS
from actors.adapters.postgres.matches import ALLOWED

# A message is in the index once the passages of its group are.
IS_NEW = """(record.indexed_hash IS DISTINCT FROM record.content_hash OR EXISTS (
        SELECT 1 FROM passage_members AS member JOIN stale_passages AS stale USING (group_id)
        WHERE member.record_id = record.id))"""

_IS_ARRIVING = f"""({IS_NEW} OR record.updated_at > {{seen}} OR EXISTS (
        SELECT 1 FROM passage_members AS member
        JOIN passage_groups AS g ON g.id = member.group_id
        WHERE member.record_id = record.id AND g.written_at > {{seen}}))"""

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

MAX_LOOKED_AT = 20_000
"""Records with any of the words that are compared; each costs about 2 µs."""

_FROM_ARRIVING = "arriving_records AS arriving JOIN parsed_content AS record ON id = record_id"

_TO_READER = _IS_ARRIVING.format(seen="coalesce($14::timestamptz, '-infinity')")

# The best of all are what most queries want. Where a filter may leave none of them, some of what it
# lets pass are looked at, too.
SEARCH = f"""-- search_arriving: arriving records with any of the words, those with most first
WITH found AS (
    (SELECT record_id FROM
        (SELECT record_id, words FROM arriving_records WHERE words @@ {ANY_WORD}
         LIMIT {MAX_LOOKED_AT}) AS looked_at
     ORDER BY ts_rank(words, {ANY_WORD}) DESC, record_id LIMIT $3)
    UNION
    (SELECT record_id FROM {_FROM_ARRIVING}
     WHERE words @@ {ALL_WORDS} AND {ALLOWED} AND {_TO_READER} LIMIT $3)
    UNION
    (SELECT record_id FROM {_FROM_ARRIVING}
     WHERE $15::bool AND words @@ {ANY_WORD} AND {ALLOWED} AND {_TO_READER} LIMIT $3)
)
SELECT record.*, {IS_NEW} AS is_new, ts_rank(words, {ANY_WORD}) AS score
FROM found JOIN arriving_records AS arriving USING (record_id)
JOIN parsed_content AS record ON record.id = record_id
WHERE {ALLOWED} AND {_TO_READER}
ORDER BY score DESC, record.id LIMIT $2
"""

NOW = """-- now: by the clock that records and passages are stamped by
SELECT now() AS now
"""

# The planner takes nearly every record for new and would read them all, so each one that is here is
# looked up by itself.
LOOK = """-- look_for_arrivals: whether any record is arriving, and whether any is new
WITH looked AS (
    SELECT EXISTS (SELECT 1 FROM arriving_records AS arriving WHERE
                   (SELECT indexed_hash IS DISTINCT FROM content_hash
                    FROM parsed_content WHERE id = arriving.record_id))
           OR EXISTS (SELECT 1 FROM stale_passages JOIN passage_members USING (group_id)
                      JOIN arriving_records USING (record_id)) AS are_new
)
SELECT now() AS now, are_new,
       are_new OR EXISTS (SELECT 1 FROM arriving_records AS arriving WHERE
           (SELECT updated_at FROM parsed_content WHERE id = arriving.record_id)
               > coalesce($1::timestamptz, '-infinity')
           OR (SELECT g.written_at FROM passage_members AS member
               JOIN passage_groups AS g ON g.id = member.group_id
               WHERE member.record_id = arriving.record_id)
               > coalesce($1::timestamptz, '-infinity')) AS are_any
FROM looked
"""

# Rows that staging has just written are locked: they are not looked at.
SWEEP = """-- sweep_arriving: forget the records that the index has, and whose readers see them
DELETE FROM arriving_records WHERE record_id IN (
    SELECT record_id FROM arriving_records AS arriving
    WHERE (SELECT indexed_hash IS NOT DISTINCT FROM content_hash
                  AND updated_at <= now() - interval '15 seconds'
           FROM parsed_content WHERE id = arriving.record_id)
      AND record_id NOT IN (
          SELECT record_id FROM passage_members WHERE group_id IN (
              SELECT group_id FROM stale_passages
              UNION ALL
              SELECT id FROM passage_groups WHERE written_at > now() - interval '15 seconds'))
    FOR UPDATE OF arriving SKIP LOCKED
)
RETURNING record_id
"""
