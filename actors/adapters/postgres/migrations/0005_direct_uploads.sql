-- Uploads straight from clients to the object store, until they are file imports.

CREATE TABLE direct_uploads (
    id UUID PRIMARY KEY,                  -- the file's, too
    filename TEXT NOT NULL,
    mime_type TEXT,
    size_bytes BIGINT NOT NULL,
    part_bytes BIGINT NOT NULL,
    options JSON NOT NULL,
    reference TEXT NOT NULL,              -- the object store's own name of the upload
    expires_at TIMESTAMPTZ NOT NULL,
    parts JSON,                           -- [number, tag] of each, once the client says: complete
    noted_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT NOW()
);
