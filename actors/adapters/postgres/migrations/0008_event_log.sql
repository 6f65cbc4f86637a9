-- Whose turn it is in the queue; events that stay readable once they are handled; dead events apart.
--   * priority: 0 interactive, 1 bulk;
--   * leased_at and timed_at say when a row's time limits were set. Limits that were set in what is
--     now the future come from a clock that has been put back since, and are void.

ALTER TABLE file_imports ADD COLUMN priority SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE file_imports ADD COLUMN leased_at TIMESTAMPTZ;

DROP INDEX idx_file_imports_queue;
CREATE INDEX idx_file_imports_waiting
    ON file_imports(priority, source_type, upload_timestamp, id)
    WHERE processing_status = 'queued';
CREATE INDEX idx_file_imports_begun ON file_imports(priority, upload_timestamp, id)
    WHERE processing_status = 'processing';
-- When a source had its last turn.
CREATE INDEX idx_file_imports_turn ON file_imports(source_type, processing_started_at DESC)
    WHERE processing_started_at IS NOT NULL;

-- urgency: 0 ends a file that was imported, 1 begins an interactive one, 2 a bulk one.
ALTER TABLE outbox ADD COLUMN urgency SMALLINT NOT NULL DEFAULT 0;
-- failures counts attempts that failed by the event's own fault, not by a store that was away.
ALTER TABLE outbox ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN timed_at TIMESTAMPTZ NOT NULL DEFAULT NOW();
UPDATE outbox SET urgency = 1 WHERE name = 'file_uploaded' AND handled_at IS NULL;

CREATE TABLE dead_events (
    id BIGINT PRIMARY KEY,                -- as it was, and is again after a replay, in the outbox
    file_id UUID NOT NULL REFERENCES file_imports(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    payload JSONB NOT NULL,
    urgency SMALLINT NOT NULL,
    attempts INTEGER NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    died_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
    error TEXT NOT NULL
);

CREATE INDEX idx_dead_events_file ON dead_events(file_id);

INSERT INTO dead_events (id, file_id, name, payload, urgency, attempts, created_at, died_at, error)
SELECT id, file_id, name, payload, urgency, attempts, created_at, dead_at, coalesce(error, '')
FROM outbox WHERE dead_at IS NOT NULL;
DELETE FROM outbox WHERE dead_at IS NOT NULL;

DROP INDEX idx_outbox_due;
ALTER TABLE outbox DROP COLUMN dead_at;
CREATE INDEX idx_outbox_due ON outbox(urgency, id) WHERE handled_at IS NULL;
CREATE INDEX idx_outbox_handled ON outbox(handled_at) WHERE handled_at IS NOT NULL;
