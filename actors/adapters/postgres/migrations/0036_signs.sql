-- Signs beyond ASCII, such as curly quotes and dashes, which PostgreSQL's parser takes for letters where
-- the database's locale knows no others: with a blank around each, the words beside them are found. The
-- signs are those of domain/words.py.
CREATE OR REPLACE FUNCTION headrace_spaced(given TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(given) = length(given) THEN given
    ELSE regexp_replace(normalize(given, NFKC),
        '([\u00a1-\u00a9\u00ab-\u00b1\u00b6\u00b7\u00bb\u00bf\u00d7\u00f7\u2010-\u2bff\U0001f000-\U0001faff\u2e80-\u2fdf\u3000-\u303f\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u1100-\u11ff\uac00-\ud7af])', ' \1 ', 'g') END;

REINDEX INDEX idx_parsed_content_words;
