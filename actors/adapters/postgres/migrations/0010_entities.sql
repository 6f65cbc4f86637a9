-- What records speak of: descriptions, the identities that exact keys make of them, the entities that
-- near links make of identities, and what people have decided. The rules are domain/gathering.py's.

CREATE TABLE identities (
    id UUID PRIMARY KEY,                  -- derived from the kind and the anchor
    kind TEXT NOT NULL,
    anchor TEXT COLLATE "C" NOT NULL,
    keys TEXT[] NOT NULL,
    names TEXT[] NOT NULL,                -- the one that most descriptions give first
    facts JSONB NOT NULL,
    blocks TEXT[] NOT NULL,               -- under which identities that may be the same are found
    tokens TEXT[] NOT NULL,               -- what the statistics count
    entity_id UUID NOT NULL,              -- the identity that all identities of one entity name
    entity_name TEXT,
    words TEXT NOT NULL                   -- names, folded, by which people find it
);

CREATE INDEX idx_identities_entity ON identities(entity_id);
CREATE INDEX idx_identities_blocks ON identities USING gin (blocks);
CREATE INDEX idx_identities_tokens ON identities USING gin (tokens);
CREATE INDEX idx_identities_kind ON identities(kind, entity_name);
CREATE INDEX idx_identities_words ON identities USING gin (to_tsvector('simple', words));

-- Every key has an id of its own, which once may have been its entity's.
CREATE TABLE entity_keys (
    kind TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    id UUID NOT NULL UNIQUE,
    identity_id UUID NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
    PRIMARY KEY (kind, key)
);

CREATE INDEX idx_entity_keys_identity ON entity_keys(identity_id);

CREATE TABLE descriptions (
    id UUID PRIMARY KEY,                  -- derived from all that it says
    kind TEXT NOT NULL,
    keys TEXT[] NOT NULL,
    name TEXT,
    facts JSONB NOT NULL,
    identity_id UUID REFERENCES identities(id) ON DELETE SET NULL
);

CREATE INDEX idx_descriptions_identity ON descriptions(identity_id);
CREATE INDEX idx_descriptions_keys ON descriptions USING gin (keys);

CREATE TABLE mentions (
    record_id UUID NOT NULL REFERENCES parsed_content(id) ON DELETE CASCADE,
    description_id UUID NOT NULL REFERENCES descriptions(id),
    role TEXT NOT NULL,
    PRIMARY KEY (record_id, description_id, role)
);

CREATE INDEX idx_mentions_description ON mentions(description_id, record_id);

-- What matching says of an identity and another.
CREATE TABLE entity_links (
    identity_id UUID NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
    other_id UUID NOT NULL REFERENCES identities(id) ON DELETE CASCADE,
    outcome TEXT NOT NULL CHECK (outcome IN ('linked', 'ambiguous')),
    score DOUBLE PRECISION NOT NULL,
    evidence JSONB NOT NULL,              -- [reason, weight] of each
    PRIMARY KEY (identity_id, other_id)
);

CREATE INDEX idx_entity_links_other ON entity_links(other_id);

-- How many identities of a kind have each token (t:…) and blocking key (b:…), and how many there are ('').
CREATE TABLE entity_statistics (
    kind TEXT NOT NULL,
    token TEXT COLLATE "C" NOT NULL,
    identities INTEGER NOT NULL,
    PRIMARY KEY (kind, token)
);

-- What people have decided; it stays, whatever comes and goes.
CREATE TABLE entity_judgements (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    bond TEXT NOT NULL CHECK (bond IN ('together', 'apart')),
    left_tokens TEXT[] NOT NULL,
    right_tokens TEXT[] NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

-- What has to be looked at again. Rows are added in the transaction of the change; the records and
-- descriptions that they name may be gone by then.
CREATE TABLE linking_queue (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record_id UUID,
    description_id UUID,
    CHECK (num_nonnulls(record_id, description_id) = 1)
);

CREATE TABLE matching_queue (
    identity_id UUID PRIMARY KEY REFERENCES identities(id) ON DELETE CASCADE
);

INSERT INTO linking_queue (record_id)
SELECT id FROM parsed_content WHERE content_type <> 'tombstone' ORDER BY id;
