-- Entities are found by words as domain/correlating/normal.py parts them; the full-text parser parts
-- others, such as "o'hara" and "a/b.c".
UPDATE identities SET words = regexp_replace(
    regexp_replace(words, '[''’]', '', 'g'), '[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+', ' ', 'g');
