"""Statements over ``modules`` and ``module_activations``."""

LOCK = """-- lock_modules: one change after the other, so that generations appear in order
SELECT pg_advisory_xact_lock(hashtextextended('headrace modules', 0))
"""

PUT = """-- put_module: keep a module, or what a new test of the same code has seen
INSERT INTO modules
    (kind, name, version, locator, wheel, sha256, checks, error, state, validated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
        CASE WHEN $8::text IS NULL THEN 'validated' ELSE 'added' END,
        CASE WHEN $8::text IS NULL THEN now() END)
ON CONFLICT (kind, name, version) DO UPDATE
SET locator = excluded.locator, wheel = excluded.wheel, sha256 = excluded.sha256,
    checks = excluded.checks, error = excluded.error, validated_at = excluded.validated_at,
    state = CASE WHEN modules.state IN ('active', 'disabled')
        THEN modules.state ELSE excluded.state END
WHERE (modules.state = 'added' AND modules.activated_at IS NULL)
   OR (modules.sha256 IS NOT DISTINCT FROM excluded.sha256 AND modules.locator = excluded.locator)
RETURNING *
"""

GET = """-- get_module: one module
SELECT * FROM modules WHERE kind = $1 AND name = $2 AND version = $3
"""

LIST = """-- list_modules: all, in the order in which they came
SELECT * FROM modules ORDER BY kind, name, added_at, version
"""

PRESENT = """-- present_activation: what is in force for a name
SELECT * FROM module_activations WHERE kind = $1 AND name = $2 ORDER BY id DESC LIMIT 1
"""

ACTIVATION = """-- get_activation: one of the past
SELECT * FROM module_activations WHERE id = $1
"""

HISTORY = """-- activation_history: what was in force, the newest first
SELECT * FROM module_activations WHERE kind = $1 AND name = $2 ORDER BY id DESC LIMIT $3
"""

RETIRE = """-- retire_module: take what is in use out of use
UPDATE modules SET state = $3 WHERE kind = $1 AND name = $2 AND state = 'active'
"""

PROMOTE = """-- promote_module: put a version in use
UPDATE modules SET state = 'active', activated_at = now()
WHERE kind = $1 AND name = $2 AND version = $3
"""

ADD_ACTIVATION = """-- add_activation: write down what is in force from now on
INSERT INTO module_activations (kind, name, version, is_disabled, step, replaced)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING *
"""

GENERATION = """-- module_generation: a number that grows with every change
SELECT coalesce(max(id), 0) FROM module_activations
"""

ACTIVE = """-- active_modules: those in use
SELECT * FROM modules WHERE kind = $1 AND state = 'active' ORDER BY name
"""

DISABLED = """-- disabled_names: names that nothing is used for
SELECT name FROM (
    SELECT DISTINCT ON (name) name, is_disabled FROM module_activations
    WHERE kind = $1 ORDER BY name, id DESC
) AS present
WHERE is_disabled
"""

NOTE_ERROR = """-- note_module_error: why a module in use cannot be loaded
UPDATE modules SET error = $4 WHERE kind = $1 AND name = $2 AND version = $3
"""
