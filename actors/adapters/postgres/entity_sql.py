"""Statements that show entities, and those that keep what people decide about them."""

from domain.models.entities import IN_TEXT

VISIBLE = "(${n}::text[] IS NULL OR record.visibility && ${n})"

OF_TEXTS = f"starts_with(identity.anchor, '{IN_TEXT}')"
BY_IDENTITY = f"""coalesce(min(identity.id::text) FILTER (WHERE NOT {OF_TEXTS}),
                    min(identity.id::text))::uuid AS identity_id,
           bool_and({OF_TEXTS}) AS is_named_in_text"""
"""By which identity a record speaks of an entity: by more than a name in its text, if it does."""

RESOLVE = """-- resolve_entity: the entity that has this id, or the key that once gave it
SELECT identity.entity_id, identity.kind FROM identities AS identity
WHERE identity.id = $1 OR identity.id = (SELECT identity_id FROM entity_keys WHERE id = $1)
   OR identity.entity_id = $1
ORDER BY identity.id = $1 DESC LIMIT 1
"""

BY_KEY = """-- entities_by_key: those that have one of the keys
SELECT DISTINCT identity.entity_id FROM entity_keys AS known
JOIN identities AS identity ON identity.id = known.identity_id
WHERE known.key = ANY($1::text[]) AND known.kind = ANY($2::text[])
"""

BY_WORDS = """-- entities_by_words: those whose names have all the words, and the fewest others
SELECT entity_id FROM identities
WHERE to_tsvector('simple', words) @@ to_tsquery('simple', $1)
  AND (cardinality($2::text[]) = 0 OR kind = ANY($2))
GROUP BY entity_id ORDER BY min(length(words)), entity_id LIMIT $3
"""

LISTED = """-- listed_entities: entities that have a name, in its order
SELECT entity_id FROM identities
WHERE id = entity_id AND entity_name IS NOT NULL
  AND (cardinality($1::text[]) = 0 OR kind = ANY($1))
ORDER BY entity_name, id LIMIT $2
"""

SUMMARIES = f"""-- entity_summaries: what each is called, its keys, and how many records speak of it
SELECT identity.entity_id AS id, min(identity.kind) AS kind, min(identity.entity_name) AS name,
       array(SELECT key FROM identities AS part, unnest(part.keys) AS key
             WHERE part.entity_id = identity.entity_id ORDER BY key) AS keys,
       (SELECT count(DISTINCT mention.record_id)
        FROM identities AS part
        JOIN descriptions AS description ON description.identity_id = part.id
        JOIN mentions AS mention ON mention.description_id = description.id
        JOIN parsed_content AS record ON record.id = mention.record_id
        WHERE part.entity_id = identity.entity_id AND {VISIBLE.format(n=2)}) AS records
FROM identities AS identity
WHERE identity.entity_id = ANY($1::uuid[])
GROUP BY identity.entity_id
"""

IDENTITIES = """-- identities: the identities of an entity, its first one first
SELECT * FROM identities WHERE entity_id = $1
ORDER BY id <> entity_id, cardinality(keys) = 0, anchor
"""

LINKS = """-- links_of_identities: what matching says of these identities, and of whom
SELECT link.*, other.entity_id, other.entity_name, other.names
FROM entity_links AS link JOIN identities AS other ON other.id = link.other_id
WHERE link.identity_id = ANY($1::uuid[])
ORDER BY link.score DESC, link.other_id
"""

TIMELINE = f"""-- timeline: records that speak of an entity, newest first
SELECT record.id, record.source_type, record.content_type, record.title, record.occurred_at,
       record.url, left(record.content, $5) AS excerpt, spoken.roles
FROM (
    SELECT mention.record_id, array_agg(DISTINCT mention.role) AS roles
    FROM identities AS identity
    JOIN descriptions AS description ON description.identity_id = identity.id
    JOIN mentions AS mention ON mention.description_id = description.id
    WHERE identity.entity_id = $1
    GROUP BY mention.record_id
) AS spoken
JOIN parsed_content AS record ON record.id = spoken.record_id
WHERE {VISIBLE.format(n=2)}
ORDER BY record.occurred_at DESC NULLS LAST, record.id
OFFSET $3 LIMIT $4
"""

# The most telling first: what a record is about, then whom it is by, then what it names by the way.
OF_RECORDS = """-- entities_of_records: the most telling of what each of these records speaks of
SELECT record_id, entity_id, kind, entity_name, roles FROM headrace_related($1, $2, $3, $4, $5)
"""

COMMON = """-- how_common: how many records speak of each entity of a record, counted up to a bound
SELECT mine.entity_id, (
    SELECT count(*) FROM (
        SELECT DISTINCT mention.record_id
        FROM identities AS identity
        JOIN descriptions AS description ON description.identity_id = identity.id
        JOIN mentions AS mention ON mention.description_id = description.id
        WHERE identity.entity_id = mine.entity_id
        LIMIT $2
    ) AS others
) AS records
FROM unnest($1::uuid[]) AS mine(entity_id)
"""

LINKED = f"""-- linked_records: the newest other records that speak of an entity, and by what
SELECT record.id, record.source_type, record.content_type, record.title, record.occurred_at,
       record.url, left(record.content, $6) AS excerpt, spoken.*
FROM (
    SELECT mention.record_id, array_agg(DISTINCT mention.role) AS roles,
           {BY_IDENTITY}, min(description.name) AS name,
           array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL) AS keys
    FROM identities AS identity
    JOIN descriptions AS description ON description.identity_id = identity.id
    JOIN mentions AS mention ON mention.description_id = description.id
    LEFT JOIN LATERAL unnest(description.keys) AS key ON TRUE
    WHERE identity.entity_id = $1
    GROUP BY mention.record_id
) AS spoken
JOIN parsed_content AS record ON record.id = spoken.record_id
WHERE {VISIBLE.format(n=2)} AND record.id <> $3
  AND (record.thread IS NULL OR record.source_type <> $4 OR record.thread <> $5)
ORDER BY record.occurred_at DESC NULLS LAST, record.id
LIMIT $7
"""

SPOKEN = f"""-- spoken_of: by what a record speaks of its entities
SELECT identity.entity_id, identity.kind, identity.entity_name,
       array_agg(DISTINCT mention.role) AS roles,
       {BY_IDENTITY}, min(description.name) AS name,
       array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL) AS keys,
       bool_and(cardinality(identity.keys) = 0) AS is_named_only,
       bool_and({OF_TEXTS} AND identity.id = identity.entity_id) AS is_nobodys_name
FROM mentions AS mention
JOIN descriptions AS description ON description.id = mention.description_id
JOIN identities AS identity ON identity.id = description.identity_id
LEFT JOIN LATERAL unnest(description.keys) AS key ON TRUE
WHERE mention.record_id = $1
GROUP BY identity.entity_id, identity.kind, identity.entity_name
"""

WITHIN_RECORDS = f"""-- within_records: records that speak of an entity, and the chunks of their own
SELECT record.id, record.chunk_count
FROM parsed_content AS record
WHERE record.id IN (
    SELECT mention.record_id
    FROM identities AS identity
    JOIN descriptions AS description ON description.identity_id = identity.id
    JOIN mentions AS mention ON mention.description_id = description.id
    WHERE identity.entity_id = $1
) AND {VISIBLE.format(n=2)}
"""

WITHIN_GROUPS = """-- within_groups: groups whose passages may hold one of these records
SELECT DISTINCT g.id, g.chunk_count
FROM passage_members AS member JOIN passage_groups AS g ON g.id = member.group_id
WHERE member.record_id = ANY($1::uuid[])
"""

INSERT_JUDGEMENT = """-- insert_judgement: what a person has decided
INSERT INTO entity_judgements (kind, bond, left_tokens, right_tokens)
VALUES ($1, $2, $3::text[], $4::text[])
"""

FORGET_CONTRARY = """-- forget_contrary: decisions that a new one takes back
DELETE FROM entity_judgements
WHERE kind = $1 AND bond = $2
  AND ((left_tokens && $3::text[] AND right_tokens && $4::text[])
    OR (left_tokens && $4::text[] AND right_tokens && $3::text[]))
RETURNING left_tokens, right_tokens
"""

RELINK = """-- relink: let what a decision is about be gathered again
INSERT INTO linking_queue (description_id)
SELECT description.id FROM descriptions AS description
JOIN identities AS identity ON identity.id = description.identity_id
WHERE identity.entity_id = ANY($1::uuid[])
"""

REMATCH = """-- rematch: let what a decision is about be matched again
INSERT INTO matching_queue (identity_id) SELECT id FROM identities WHERE entity_id = ANY($1::uuid[])
ON CONFLICT DO NOTHING
"""
