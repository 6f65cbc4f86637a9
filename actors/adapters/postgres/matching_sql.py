"""Statements of near linking: nodes that are near, their links, the entities that these make."""

PAGE_QUEUE = """-- page_matching_queue: nodes to be matched
SELECT node.* FROM entity_nodes AS node
JOIN (SELECT node_id FROM matching_queue ORDER BY node_id LIMIT $1) AS queued
    ON queued.node_id = node.id
ORDER BY node.id
"""

FORGET_QUEUE = """-- forget_matching_queue: these are matched
DELETE FROM matching_queue WHERE node_id = ANY($1::uuid[])
"""

NARROW_BLOCKS = """-- narrow_blocks: blocking keys that few enough nodes have to tell something
SELECT substr(token, 3) AS block FROM entity_statistics
WHERE kind = $1 AND token = ANY($2::text[]) AND nodes <= $3
"""

NEIGHBOURS = """-- neighbours: nodes of the kind that have one of the blocking keys
SELECT * FROM entity_nodes WHERE kind = $1 AND blocks && $2::text[] ORDER BY id
"""

STATISTICS = """-- statistics: how many nodes of the kind have each token
SELECT token, nodes FROM entity_statistics WHERE kind = $1 AND token = ANY($2::text[])
"""

DELETE_LINKS = """-- delete_links: what matching said of these nodes
DELETE FROM entity_links WHERE node_id = ANY($1::uuid[])
"""

INSERT_LINKS = """-- insert_links: what matching says
INSERT INTO entity_links (node_id, other_id, outcome, score, evidence)
SELECT node_id, other_id, outcome, score, evidence::jsonb
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::text[])
    AS fresh(node_id, other_id, outcome, score, evidence)
"""

CLUSTERS = """-- clusters: nodes by id or entity, and those that links join to them
WITH near AS (
    SELECT id FROM entity_nodes WHERE id = ANY($1::uuid[]) OR entity_id = ANY($2::uuid[])
)
SELECT * FROM entity_nodes
WHERE id IN (
    SELECT id FROM near
    UNION SELECT other_id FROM entity_links JOIN near ON near.id = node_id WHERE outcome = 'linked'
    UNION SELECT node_id FROM entity_links JOIN near ON near.id = other_id WHERE outcome = 'linked'
)
"""

LINKS_AMONG = """-- links_among: links between these nodes
SELECT * FROM entity_links
WHERE node_id = ANY($1::uuid[]) AND other_id = ANY($1::uuid[]) AND outcome = 'linked'
ORDER BY node_id, other_id
"""

SET_ENTITIES = """-- set_entities: of which entity each node is, and what that is called
UPDATE entity_nodes AS node SET entity_id = fresh.entity_id, entity_name = fresh.name
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS fresh(id, entity_id, name)
WHERE node.id = fresh.id
  AND (node.entity_id, node.entity_name) IS DISTINCT FROM (fresh.entity_id, fresh.name)
"""
