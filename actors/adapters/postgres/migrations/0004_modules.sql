-- Versions of parsers and storages that are swapped while the service runs.

CREATE TABLE modules (
    kind TEXT NOT NULL CHECK (kind IN ('parser', 'storage')),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    locator TEXT NOT NULL,                -- package.module:ClassName
    wheel TEXT,                           -- file name; NULL where it is installed beside us
    sha256 TEXT,                          -- of the wheel
    state TEXT NOT NULL CHECK (state IN ('added', 'validated', 'active', 'disabled')),
    checks JSONB NOT NULL,
    error TEXT,
    added_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    validated_at TIMESTAMPTZ,
    activated_at TIMESTAMPTZ,
    PRIMARY KEY (kind, name, version)
);

CREATE UNIQUE INDEX idx_modules_one_active ON modules(kind, name) WHERE state = 'active';

-- What was in use from when on; the newest row of a name is in force. Without a version that is the
-- built-in, if there is one. The newest id of all is the generation that workers compare: changes
-- are made one after the other, so that ids appear in order.
CREATE TABLE module_activations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT,
    is_disabled BOOLEAN NOT NULL,
    step TEXT NOT NULL,
    replaced BIGINT REFERENCES module_activations(id),   -- where a rollback leads back to
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    FOREIGN KEY (kind, name, version) REFERENCES modules(kind, name, version)
);

CREATE INDEX idx_module_activations_name ON module_activations(kind, name, id DESC);
