-- What the history of queries needs to be asked, and a name for each history of generations.

ALTER TABLE query_history
    ADD COLUMN embedding_model TEXT,             -- vectors of two models are never compared
    ADD COLUMN asked_by TEXT,
    ADD COLUMN weight INTEGER NOT NULL DEFAULT 1;   -- queries that the row stands for

CREATE INDEX idx_query_history_asked_by ON query_history(asked_by) WHERE asked_by IS NOT NULL;

-- Generations are counted from 1 in every database. Answers that are kept elsewhere are told
-- apart by the lineage.
ALTER TABLE index_generation ADD COLUMN lineage UUID NOT NULL DEFAULT gen_random_uuid();
