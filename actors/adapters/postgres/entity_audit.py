"""Rows of entities that contradict each other, as sentences. What is queued is no contradiction."""

from domain.models.entities import IN_TEXT

QUEUED = "EXISTS (SELECT 1 FROM linking_queue WHERE description_id = description.id)"

UNMENTIONED_DESCRIPTIONS = f"""-- unmentioned_descriptions: descriptions that no record gives
SELECT format('description %s (%s) is given by no record', id, coalesce(name, keys[1]))
FROM descriptions AS description
WHERE NOT EXISTS (SELECT 1 FROM mentions WHERE description_id = description.id)
  AND NOT {QUEUED}
ORDER BY id LIMIT $1
"""

ENTITYLESS_DESCRIPTIONS = """-- entityless_descriptions: descriptions that are of no entity
SELECT format('description %s (%s) is of no entity', id, coalesce(name, keys[1]))
FROM descriptions WHERE identity_id IS NULL ORDER BY id LIMIT $1
"""

EMPTY_IDENTITIES = """-- empty_identities: parts of entities that no description makes
SELECT format('part %s of entity %s is made of nothing', id, entity_id)
FROM identities AS identity
WHERE NOT EXISTS (SELECT 1 FROM descriptions WHERE identity_id = identity.id)
ORDER BY id LIMIT $1
"""

MISPLACED_KEYS = """-- misplaced_keys: keys that lead to another part than the one that has them
SELECT format('key %s of part %s leads to %s', own.key, identity.id,
              coalesce(known.identity_id::text, 'nothing'))
FROM identities AS identity CROSS JOIN LATERAL unnest(identity.keys) AS own(key)
LEFT JOIN entity_keys AS known ON known.kind = identity.kind AND known.key = own.key
WHERE known.identity_id IS DISTINCT FROM identity.id
ORDER BY identity.id, own.key LIMIT $1
"""

HEADLESS_IDENTITIES = """-- headless_identities: parts of an entity that is not there
SELECT format('part %s names entity %s, which is not there', id, entity_id)
FROM identities AS identity
WHERE NOT EXISTS (SELECT 1 FROM identities AS first WHERE first.id = identity.entity_id)
  AND NOT EXISTS (SELECT 1 FROM matching_queue WHERE identity_id = identity.id)
ORDER BY id LIMIT $1
"""

MISCOUNTED_IDENTITIES = f"""-- miscounted_identities: words that are not as common as counted
SELECT format('%s of the kind %s have the word %s, but %s are counted',
              coalesce(there.identities, 0), coalesce(there.kind, counted.kind),
              coalesce(there.token, counted.token), coalesce(counted.identities, 0))
FROM (SELECT kind, 't:' || own.token AS token, count(*) AS identities
      FROM identities CROSS JOIN LATERAL unnest(tokens) AS own(token)
      WHERE NOT starts_with(anchor, '{IN_TEXT}')
      GROUP BY kind, own.token) AS there
FULL JOIN (SELECT * FROM entity_statistics WHERE starts_with(token, 't:')) AS counted
    ON counted.kind = there.kind AND counted.token = there.token
WHERE there.identities IS DISTINCT FROM counted.identities
ORDER BY 1 LIMIT $1
"""

MISCOUNTED_NAMES = """-- miscounted_names: names that not as many have as counted
SELECT format('%s of the kind %s are called %s, but %s are counted',
              coalesce(there.identities, 0), coalesce(there.kind, counted.kind),
              coalesce(there.name, counted.name), coalesce(counted.identities, 0))
FROM (SELECT kind, own.name, count(*) AS identities
      FROM identities CROSS JOIN LATERAL unnest(called) AS own(name)
      GROUP BY kind, own.name) AS there
FULL JOIN known_names AS counted ON counted.kind = there.kind AND counted.name = there.name
WHERE there.identities IS DISTINCT FROM counted.identities
ORDER BY 1 LIMIT $1
"""

NOT_LINKED = """-- not_linked: records and descriptions that could not be linked
SELECT format('%s could not be linked: %s',
              coalesce('record ' || record_id, 'description ' || description_id), error)
FROM linking_queue AS queued
WHERE error IS NOT NULL
  AND (EXISTS (SELECT 1 FROM parsed_content WHERE id = queued.record_id)
    OR EXISTS (SELECT 1 FROM descriptions WHERE id = queued.description_id))
ORDER BY queued.id LIMIT $1
"""
"""Apart from the contradictions, after which everything is linked anew: that would not help."""

ENTITY_CHECKS = (
    UNMENTIONED_DESCRIPTIONS,
    ENTITYLESS_DESCRIPTIONS,
    EMPTY_IDENTITIES,
    MISPLACED_KEYS,
    HEADLESS_IDENTITIES,
    MISCOUNTED_IDENTITIES,
    MISCOUNTED_NAMES,
)
