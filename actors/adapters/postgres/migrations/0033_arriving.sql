-- Words of records that the search index is yet to be given, so that they are found meanwhile. A
-- row outlives its record's way into the index by a little; it is swept then. The words are those
-- of idx_parsed_content_words, kept, as ranking reads them.
CREATE TABLE arriving_records (
    record_id UUID PRIMARY KEY REFERENCES parsed_content(id) ON DELETE CASCADE,
    words TSVECTOR NOT NULL
);

CREATE INDEX idx_arriving_records_words ON arriving_records USING gin (words);

-- When the index was last given a group's passages: readers of the index see them a little later.
ALTER TABLE passage_groups ADD COLUMN written_at TIMESTAMPTZ;

-- Records of the slice that are stored, whether the index has them yet or not.
ALTER TABLE import_slices ADD COLUMN records_staged BIGINT NOT NULL DEFAULT 0;
