-- Search indexes, each named by the model that embedded it. One is active: queries are answered
-- from it, and imports write to it. Of the others the store knows what they hold.

CREATE TABLE search_indexes (
    model TEXT PRIMARY KEY,
    dimension INTEGER NOT NULL,
    location TEXT NOT NULL UNIQUE,        -- '' is where the first one lies
    recipe JSON NOT NULL,                 -- the embedder's settings, without secrets
    state TEXT NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    error TEXT,                           -- what keeps it from being built
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    activated_at TIMESTAMPTZ,
    retired_at TIMESTAMPTZ
);

CREATE UNIQUE INDEX idx_search_indexes_active ON search_indexes(state) WHERE state = 'active';
CREATE UNIQUE INDEX idx_search_indexes_building ON search_indexes(state) WHERE state = 'building';

-- What an index that is not active holds, by record or group. The fingerprint says of which
-- content; NULL: it may hold up to so many chunks, of whatever content.
CREATE TABLE index_contents (
    model TEXT NOT NULL REFERENCES search_indexes(model) ON DELETE CASCADE,
    owner_id UUID NOT NULL,
    fingerprint TEXT,
    chunk_count INTEGER NOT NULL,
    vector_id TEXT,                       -- the first chunk
    PRIMARY KEY (model, owner_id)
);

-- What lies in a store and belongs to nobody, since when.
CREATE TABLE seen_orphans (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    first_seen TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (kind, id)
);
