-- Files, records and history as specified; slices, suppliers, dead letters and the outbox beside
-- them. Deviations from the specified types, so that nothing is refused or cut off:
--   * filename and mime_type are TEXT: both come from outside and have no limit there;
--   * parsed_content.source_id holds a native id of up to 255 characters, and of a longer one its
--     beginning with a digest; native_id then holds the whole;
--   * query_vector has no fixed dimension, since the embedder can be chosen.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE file_imports (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    filename TEXT NOT NULL,
    source_type VARCHAR(50) NOT NULL,
    file_size BIGINT NOT NULL,
    mime_type TEXT,
    upload_timestamp TIMESTAMPTZ DEFAULT NOW(),
    processing_status VARCHAR(50) DEFAULT 'pending',
    processing_started_at TIMESTAMPTZ,
    processing_completed_at TIMESTAMPTZ,
    error_message TEXT,
    s3_key VARCHAR(500),
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ DEFAULT NOW(),
    sha256 TEXT NOT NULL,
    options JSON NOT NULL DEFAULT '{}',
    parser TEXT,
    run INTEGER NOT NULL DEFAULT 1,       -- counts replays
    attempt INTEGER NOT NULL DEFAULT 0,   -- counts leases; an older one fences its holder out
    lease_owner TEXT,
    acquired_until TIMESTAMPTZ
);

CREATE INDEX idx_file_imports_source_type ON file_imports(source_type);
CREATE INDEX idx_file_imports_status ON file_imports(processing_status);
CREATE INDEX idx_file_imports_upload_timestamp ON file_imports(upload_timestamp DESC);
CREATE INDEX idx_file_imports_object ON file_imports(s3_key);
CREATE INDEX idx_file_imports_queue ON file_imports(upload_timestamp, id)
    WHERE processing_status IN ('queued', 'processing');

CREATE TABLE parsed_content (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    -- The file that last brought the content.
    file_import_id UUID REFERENCES file_imports(id) ON DELETE CASCADE,
    content_type VARCHAR(50),
    source_id VARCHAR(255),
    content TEXT,
    metadata JSONB DEFAULT '{}',
    vector_id VARCHAR(255),               -- the first chunk in the index
    created_at TIMESTAMPTZ DEFAULT NOW(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    native_id TEXT,                       -- only where source_id is too short for it
    source_type TEXT NOT NULL,
    title TEXT,
    author TEXT,
    occurred_at TIMESTAMPTZ,
    url TEXT,
    thread TEXT,
    version TEXT COLLATE "C" NOT NULL DEFAULT '',
    visibility TEXT[] NOT NULL,
    parser TEXT NOT NULL,
    place TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    indexed_hash TEXT,                    -- the content that the index is known to hold
    embedding_model TEXT,
    chunk_count INTEGER NOT NULL DEFAULT 0,
    -- Chunks that earlier contents, never confirmed, may have left in the index.
    unconfirmed_chunks INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX idx_parsed_content_file_import ON parsed_content(file_import_id);
CREATE INDEX idx_parsed_content_source ON parsed_content(content_type, source_id);
CREATE INDEX idx_parsed_content_thread ON parsed_content(source_type, left(thread, 255))
    WHERE thread IS NOT NULL;
CREATE INDEX idx_parsed_content_unconfirmed ON parsed_content(file_import_id)
    WHERE indexed_hash IS DISTINCT FROM content_hash;

CREATE TABLE query_history (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    query_text TEXT NOT NULL,
    query_vector VECTOR,
    sources_searched TEXT[],
    result_count INTEGER,
    response_time_ms INTEGER,
    cached BOOLEAN DEFAULT FALSE,
    created_at TIMESTAMPTZ DEFAULT NOW()
);

CREATE INDEX idx_query_history_created ON query_history(created_at DESC);

-- members and context are JSON, not JSONB: the parser must get back every character it wrote,
-- even those that text in PostgreSQL cannot hold.
CREATE TABLE import_slices (
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    start_offset BIGINT NOT NULL,
    end_offset BIGINT NOT NULL,
    members JSON NOT NULL,
    size_bytes BIGINT NOT NULL,
    context JSON NOT NULL,
    read BIGINT NOT NULL DEFAULT 0,
    indexed BIGINT NOT NULL DEFAULT 0,
    unchanged BIGINT NOT NULL DEFAULT 0,
    dropped JSONB NOT NULL DEFAULT '{}',
    failed BIGINT NOT NULL DEFAULT 0,
    records_done BIGINT NOT NULL DEFAULT 0,
    bytes_done BIGINT NOT NULL DEFAULT 0,
    completed_at TIMESTAMPTZ,
    PRIMARY KEY (file_id, run, number)
);

-- Which file brought which record, and what was decided the first time in this run.
CREATE TABLE record_files (
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    record_id UUID NOT NULL REFERENCES parsed_content(id) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    slice_number INTEGER NOT NULL,
    place TEXT NOT NULL,
    outcome TEXT NOT NULL,
    supplies BOOLEAN NOT NULL,            -- false where another file's newer copy was kept
    PRIMARY KEY (file_id, record_id)
);

CREATE INDEX idx_record_files_record ON record_files(record_id);

CREATE TABLE dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    run INTEGER NOT NULL,
    slice_number INTEGER NOT NULL,
    place TEXT NOT NULL,
    error TEXT NOT NULL,
    raw BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);

CREATE INDEX idx_dead_letters_slice ON dead_letters(file_id, run, slice_number);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    payload JSONB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    due_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    leased_until TIMESTAMPTZ,
    handled_at TIMESTAMPTZ,
    dead_at TIMESTAMPTZ,
    error TEXT
);

CREATE INDEX idx_outbox_file ON outbox(file_id, id);
CREATE INDEX idx_outbox_due ON outbox(id) WHERE handled_at IS NULL AND dead_at IS NULL;

CREATE TABLE index_generation (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    generation BIGINT NOT NULL
);

INSERT INTO index_generation (generation) VALUES (1);
