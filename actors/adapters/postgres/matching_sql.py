"""Statements of near linking: what is near, its links, the entities that these make."""

PAGE_QUEUE = """-- page_matching_queue: identities to be matched
SELECT identity.* FROM identities AS identity
JOIN (SELECT identity_id FROM matching_queue ORDER BY identity_id LIMIT $1) AS queued
    ON queued.identity_id = identity.id
ORDER BY identity.id
"""

FORGET_QUEUE = """-- forget_matching_queue: these are matched
DELETE FROM matching_queue WHERE identity_id = ANY($1::uuid[])
"""

NARROW_BLOCKS = """-- narrow_blocks: blocking keys that few enough identities have to tell something
SELECT substr(token, 3) AS block FROM entity_statistics
WHERE kind = $1 AND token = ANY($2::text[]) AND identities <= $3
"""

NEIGHBOURS = """-- neighbours: identities of the kind that have one of the blocking keys
SELECT * FROM identities WHERE kind = $1 AND blocks && $2::text[] ORDER BY id
"""

STATISTICS = """-- statistics: how many identities of the kind have each token
SELECT token, identities FROM entity_statistics WHERE kind = $1 AND token = ANY($2::text[])
"""

DELETE_LINKS = """-- delete_links: what matching said of these identities
DELETE FROM entity_links WHERE identity_id = ANY($1::uuid[])
"""

INSERT_LINKS = """-- insert_links: what matching says
INSERT INTO entity_links (identity_id, other_id, outcome, score, evidence)
SELECT identity_id, other_id, outcome, score, evidence::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::text[])
    AS fresh(identity_id, other_id, outcome, score, evidence)
"""

CLUSTERS = """-- clusters: identities by id or entity, and those that links join to them
WITH near AS (
    SELECT id FROM identities WHERE id = ANY($1::uuid[]) OR entity_id = ANY($2::uuid[])
)
SELECT * FROM identities
WHERE id IN (
    SELECT id FROM near
    UNION SELECT other_id FROM entity_links JOIN near ON near.id = identity_id
        WHERE outcome = 'linked'
    UNION SELECT identity_id FROM entity_links JOIN near ON near.id = other_id
        WHERE outcome = 'linked'
)
"""

LINKS_AMONG = """-- links_among: links between these identities
SELECT * FROM entity_links
WHERE identity_id = ANY($1::uuid[]) AND other_id = ANY($1::uuid[]) AND outcome = 'linked'
ORDER BY identity_id, other_id
"""

SET_ENTITIES = """-- set_entities: of which entity each identity is, and what that is called
UPDATE identities AS identity SET entity_id = fresh.entity_id, entity_name = fresh.name
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS fresh(id, entity_id, name)
WHERE identity.id = fresh.id
  AND (identity.entity_id, identity.entity_name) IS DISTINCT FROM (fresh.entity_id, fresh.name)
"""
