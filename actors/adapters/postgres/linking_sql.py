"""Statements of exact linking: the queue, mentions, descriptions, and what these make."""

from actors.adapters.postgres.full_text import WORDS

LINKING_LOCK = 0x486561644C696E6B
"""Advisory lock: linking is one process's at a time, whoever that is."""

LOCK = """-- try_linking_lock: whether this transaction alone links now
SELECT pg_try_advisory_xact_lock($1) AS is_mine
"""

ENQUEUE_RECORDS = """-- enqueue_records: what these speak of may be another by now
INSERT INTO linking_queue (record_id) SELECT unnest($1::uuid[])
"""

ENQUEUE_MENTIONED = """-- enqueue_mentioned: records that are about to go will mention these no more
INSERT INTO linking_queue (description_id)
SELECT DISTINCT description_id FROM mentions WHERE record_id = ANY($1::uuid[])
"""

PAGE_QUEUE = """-- page_linking_queue: what waits longest
SELECT id, record_id, description_id FROM linking_queue
WHERE error IS NULL ORDER BY id LIMIT $1
"""

FORGET_QUEUE = """-- forget_linking_queue: these are done
DELETE FROM linking_queue WHERE id = ANY($1::bigint[])
"""

FORGET_ERRORS = """-- forget_linking_errors: what could not be linked before has been by now
DELETE FROM linking_queue
WHERE error IS NOT NULL AND (record_id = ANY($1::uuid[]) OR description_id = ANY($2::uuid[]))
"""

SET_ASIDE = """-- set_aside: this cannot be linked, and waits no more
UPDATE linking_queue SET error = $2 WHERE id = $1
"""

TAKE_UP_AGAIN = """-- take_up_again: let wait again what was set aside
UPDATE linking_queue SET error = NULL WHERE error IS NOT NULL RETURNING id
"""

# Held from the start, as a mention holds its record, so that a deletion comes before or after.
GET_RECORDS = """-- get_queued_records: queued records that are still there, and stay so for now
SELECT * FROM parsed_content WHERE id = ANY($1::uuid[]) ORDER BY id FOR KEY SHARE
"""

DELETE_MENTIONS = """-- delete_mentions: forget what these records speak of
DELETE FROM mentions WHERE record_id = ANY($1::uuid[]) RETURNING description_id
"""

INSERT_DESCRIPTIONS = """-- insert_descriptions: those that nobody has given before
INSERT INTO descriptions (id, kind, keys, name, facts)
SELECT id, kind, keys::text[], name, facts::jsonb
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS given(id, kind, keys, name, facts)
ON CONFLICT (id) DO NOTHING
RETURNING id
"""

INSERT_MENTIONS = """-- insert_mentions: what records speak of
INSERT INTO mentions (record_id, description_id, role)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
ON CONFLICT DO NOTHING
"""

FORGET_UNMENTIONED = """-- forget_unmentioned: of these descriptions those that no record gives
DELETE FROM descriptions AS description
WHERE id = ANY($1::uuid[])
  AND NOT EXISTS (SELECT 1 FROM mentions WHERE description_id = description.id)
RETURNING id, kind, keys, identity_id
"""

REACHABLE = """-- reachable_descriptions: by id, by identity, or by a key
SELECT id, kind, keys, name, facts, identity_id FROM descriptions
WHERE id = ANY($1::uuid[]) OR identity_id = ANY($2::uuid[]) OR keys && $3::text[]
"""

GET_JUDGEMENTS = """-- get_judgements: all that people have decided
SELECT id, kind, bond, left_tokens, right_tokens FROM entity_judgements ORDER BY id
"""

GET_IDENTITIES = """-- get_identities: identities as they are stored
SELECT * FROM identities WHERE id = ANY($1::uuid[])
"""

UPSERT_IDENTITIES = """-- upsert_identities: those new or changed; a new one is its own entity
INSERT INTO identities
    (id, kind, anchor, keys, names, facts, blocks, tokens, entity_id, entity_name, words, called)
SELECT id, kind, anchor, keys::text[], names::text[], facts::jsonb, blocks::text[], tokens::text[],
       id, name, words, called::text[]
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[])
    AS fresh(id, kind, anchor, keys, names, facts, blocks, tokens, name, words, called)
ON CONFLICT (id) DO UPDATE
SET keys = excluded.keys, names = excluded.names, facts = excluded.facts,
    blocks = excluded.blocks, tokens = excluded.tokens, words = excluded.words,
    called = excluded.called,
    entity_name = CASE WHEN identities.entity_id = identities.id THEN excluded.entity_name
                       ELSE identities.entity_name END
"""

DELETE_KEYS = """-- delete_entity_keys: these identities' keys are given anew
DELETE FROM entity_keys WHERE identity_id = ANY($1::uuid[])
"""

INSERT_KEYS = """-- insert_entity_keys: which identity has which key
INSERT INTO entity_keys (id, kind, key, identity_id)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[])
"""

SET_IDENTITIES = """-- set_description_identities: which identity each description is in
UPDATE descriptions AS description SET identity_id = fresh.identity_id
FROM unnest($1::uuid[], $2::uuid[]) AS fresh(id, identity_id)
WHERE description.id = fresh.id AND description.identity_id IS DISTINCT FROM fresh.identity_id
"""

DELETE_IDENTITIES = """-- delete_identities: identities that no description makes any more
DELETE FROM identities WHERE id = ANY($1::uuid[])
"""

COUNT = """-- count_tokens: keep count of how many identities have each token
INSERT INTO entity_statistics AS known (kind, token, identities)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
ON CONFLICT (kind, token) DO UPDATE SET identities = known.identities + excluded.identities
RETURNING kind, token, identities
"""

FORGET_TOKENS = """-- forget_tokens: tokens that no identity has any more
DELETE FROM entity_statistics
WHERE kind = ANY($1::text[]) AND token = ANY($2::text[]) AND identities = 0
"""

# A name of nothing but the full text's stop words would be found in no text that is there already.
KNOWN_NAMES = """-- known_names: those that somebody has, and who: a person, an account
SELECT name, kind FROM known_names
WHERE name = ANY($1::text[])
  AND numnode(plainto_tsquery('english', headrace_spaced(name))) > 0
"""

COUNT_NAMES = """-- count_names: keep count of how many identities are called so
INSERT INTO known_names AS known (name, kind, identities)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
ON CONFLICT (name, kind) DO UPDATE SET identities = known.identities + excluded.identities
RETURNING name, kind, identities
"""

FORGET_NAMES = """-- forget_names: names that nobody has any more
DELETE FROM known_names WHERE name = ANY($1::text[]) AND identities = 0
"""

# A row whose field gives a name says it in its text, too, and is not linked by that again.
ENQUEUE_TEXTS = f"""-- enqueue_texts: records whose text may have one of the names, unless they wait
INSERT INTO linking_queue (record_id)
SELECT DISTINCT speaking.id
FROM unnest($1::text[], $2::text[], $3::text[]) AS called(name, kind, pattern)
CROSS JOIN LATERAL (
    SELECT id FROM parsed_content
    WHERE {WORDS} @@ plainto_tsquery('english', headrace_spaced(called.name))
      AND content ~* called.pattern
) AS speaking
WHERE NOT EXISTS (
    SELECT 1 FROM linking_queue AS waiting
    WHERE waiting.record_id = speaking.id AND waiting.id > $4 AND waiting.error IS NULL
) AND NOT EXISTS (
    SELECT 1 FROM mentions AS told JOIN descriptions AS by_field ON by_field.id = description_id
    WHERE told.record_id = speaking.id AND told.role <> 'mention'
      AND by_field.kind = called.kind AND lower(by_field.name) = called.name
)
"""

ENQUEUE_IDENTITIES = """-- enqueue_identities: to be matched
INSERT INTO matching_queue (identity_id)
SELECT id FROM identities WHERE id = ANY($1::uuid[]) OR entity_id = ANY($1::uuid[])
ON CONFLICT DO NOTHING
"""

ENQUEUE_NEAR = """-- enqueue_near: identities whose surroundings have changed, by block or token
INSERT INTO matching_queue (identity_id)
SELECT id FROM identities WHERE kind = $1 AND (blocks && $2::text[] OR tokens && $3::text[])
ON CONFLICT DO NOTHING
"""

ENQUEUE_KIND = """-- enqueue_kind: there are so many more or fewer that all words weigh differently
INSERT INTO matching_queue (identity_id) SELECT id FROM identities WHERE kind = $1
ON CONFLICT DO NOTHING
"""

WAITING = """-- waiting: what is not linked or matched yet
SELECT (SELECT count(*) FROM linking_queue WHERE error IS NULL)
     + (SELECT count(*) FROM matching_queue)
"""

WAIT_FOR_LOCK = """-- wait_for_linking_lock: until nobody links
SELECT pg_advisory_xact_lock($1)
"""

FORGET_ALL = (
    "DELETE FROM linking_queue",
    "DELETE FROM mentions",
    "DELETE FROM descriptions",
    "DELETE FROM identities",
    "DELETE FROM entity_statistics",
    "DELETE FROM known_names",
)
"""What hangs on identities goes with them."""

ENQUEUE_ALL = """-- enqueue_all_records: link everything
INSERT INTO linking_queue (record_id)
SELECT id FROM parsed_content WHERE content_type <> 'tombstone' ORDER BY id
"""
