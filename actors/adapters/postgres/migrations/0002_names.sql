-- Names that records publish, and the records that show them.
--   * more holds what a record has beyond the columns: segments, group, names. JSON, so that the
--     order of entries is kept;
--   * template holds what references may set (title, author, content, metadata, segments, address,
--     time, readers) as it came, of records that have references; the columns hold what is shown;
--   * source_hash is then the content hash of the record as it came.
-- Keys have at most 255 characters; of a longer one they hold its beginning with a digest.

ALTER TABLE parsed_content ADD COLUMN more JSON;
ALTER TABLE parsed_content ADD COLUMN template JSON;
ALTER TABLE parsed_content ADD COLUMN source_hash TEXT;

CREATE INDEX idx_parsed_content_template ON parsed_content(file_import_id, id)
    WHERE template IS NOT NULL;

CREATE TABLE names (
    key TEXT COLLATE "C" NOT NULL,
    record_id UUID NOT NULL REFERENCES parsed_content(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    version TEXT COLLATE "C" NOT NULL,    -- the first 255 characters of the publisher's
    visibility TEXT[] NOT NULL,           -- the publisher's
    PRIMARY KEY (record_id, key)
);

CREATE INDEX idx_names_best ON names(key, version DESC, record_id);

CREATE TABLE record_references (
    key TEXT COLLATE "C" NOT NULL,
    record_id UUID NOT NULL REFERENCES parsed_content(id) ON DELETE CASCADE,
    shown TEXT,                           -- NULL: the fallback
    PRIMARY KEY (key, record_id)
);

CREATE INDEX idx_record_references_record ON record_references(record_id);

-- Keys whose names a file's import or deletion has changed, until all who show them follow.
CREATE TABLE changed_names (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id UUID NOT NULL,
    key TEXT COLLATE "C" NOT NULL
);

CREATE INDEX idx_changed_names_file ON changed_names(file_id, id);

-- Records whose new text may be in the index already, though the store does not show it yet.
CREATE TABLE renamings (
    record_id UUID PRIMARY KEY REFERENCES parsed_content(id) ON DELETE CASCADE,
    file_id UUID NOT NULL
);

CREATE INDEX idx_renamings_file ON renamings(file_id);
