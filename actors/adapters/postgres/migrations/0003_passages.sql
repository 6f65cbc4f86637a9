-- Groups of records that share passages. A passage is a chunk in the index; its id comes from
-- (group, position, model).

-- Unique over all time, so that a group that went and came again is not taken for its old self.
CREATE SEQUENCE passage_revisions;

CREATE TABLE passage_groups (
    id UUID PRIMARY KEY,
    revision BIGINT NOT NULL DEFAULT nextval('passage_revisions'),   -- moves with its members
    embedding_model TEXT,
    chunk_count INTEGER NOT NULL DEFAULT 0,
    -- Chunks that a writer which died may have left in the index.
    unconfirmed_chunks INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE passage_members (
    record_id UUID PRIMARY KEY REFERENCES parsed_content(id) ON DELETE CASCADE,
    group_id UUID NOT NULL REFERENCES passage_groups(id)
);

CREATE INDEX idx_passage_members_group ON passage_members(group_id);

-- Groups whose passages are not what their members say, and the files that have to see to it.
CREATE TABLE stale_passages (
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    group_id UUID NOT NULL REFERENCES passage_groups(id) ON DELETE CASCADE,
    PRIMARY KEY (file_id, group_id)
);

CREATE INDEX idx_stale_passages_group ON stale_passages(group_id);
