-- Names by which running texts may speak of entities, as domain/mentions/names.py writes them, and how
-- many identities of a kind are called so. What is linked already is linked again, with its names.
ALTER TABLE identities ADD COLUMN called TEXT[] NOT NULL DEFAULT '{}';

CREATE TABLE known_names (
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    identities INTEGER NOT NULL,
    PRIMARY KEY (name, kind)
);

CREATE INDEX idx_linking_queue_record ON linking_queue(record_id) WHERE record_id IS NOT NULL;

INSERT INTO linking_queue (record_id)
SELECT id FROM parsed_content WHERE content_type <> 'tombstone' ORDER BY id;
