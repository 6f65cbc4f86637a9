-- Identifiers and words without spaces between them. The expressions are those of full_text.py and
-- identifier_lookup.py; the characters are those of domain/words.py, and all signs of their block.

-- A blank around each character of a script that puts none between words, and around its signs, so
-- that an address beside them is one.
CREATE FUNCTION headrace_spaced(given TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(given) = length(given) THEN given
    ELSE regexp_replace(normalize(given, NFKC),
        '([\u2e80-\u2fdf\u3000-\u303f\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u1100-\u11ff\uac00-\ud7af])', ' \1 ', 'g') END;

DROP INDEX idx_parsed_content_words;
CREATE INDEX idx_parsed_content_words ON parsed_content USING gin (
    to_tsvector('english', headrace_spaced(
        left(coalesce(title, ''), 1000) || ' ' || left(coalesce(content, ''), 100000)))
);

-- Ids, numbers, addresses and the like in the fields of records.
CREATE INDEX idx_parsed_content_fields ON parsed_content USING gin (
    to_tsvector('simple', left(metadata::text, 100000))
);

-- A URL without what does not tell pages apart, as domain/identifiers.py has it.
CREATE FUNCTION headrace_bare_url(given TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(rtrim(regexp_replace(regexp_replace(given, '^(https?://)?(www\.)?', '', 'i'),
    '(utm_\w+|fbclid|gclid|mc_[ce]id)=[^&#]*&?', '', 'gi'), '?&#/'));

CREATE INDEX idx_parsed_content_url ON parsed_content USING hash (headrace_bare_url(url))
WHERE url IS NOT NULL;
