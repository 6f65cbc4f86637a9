-- Words of records, for when the search index gives no answer. The expression is that of
-- full_text.py. Of long texts the beginning: PostgreSQL refuses vectors of more than 1 MB.

CREATE INDEX idx_parsed_content_words ON parsed_content USING gin (
    to_tsvector('english', left(coalesce(title, ''), 1000) || ' ' || left(coalesce(content, ''), 100000))
);
