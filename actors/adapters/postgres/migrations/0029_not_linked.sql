-- What cannot be linked waits no more, so that the rest is; it stays here with its error.
ALTER TABLE linking_queue ADD COLUMN error TEXT;

CREATE INDEX idx_linking_queue_waiting ON linking_queue(id) WHERE error IS NULL;
CREATE INDEX idx_linking_queue_set_aside ON linking_queue(id) WHERE error IS NOT NULL;
