"""Statements over ``direct_uploads``."""

INSERT_UPLOAD = """-- insert_upload: a client is about to send its parts
INSERT INTO direct_uploads
    (id, filename, mime_type, size_bytes, part_bytes, options, reference, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

GET_UPLOAD = """-- get_upload: one upload
SELECT * FROM direct_uploads WHERE id = $1
"""

NOTE_PARTS = """-- note_parts: the client says that these are all, or is told that they are not
UPDATE direct_uploads
SET parts = $2::json, noted_at = CASE WHEN $2::text IS NULL THEN NULL ELSE now() END
WHERE id = $1
"""

DELETE_UPLOAD = """-- delete_upload: it is a file import now, or nothing
DELETE FROM direct_uploads WHERE id = $1
"""

LIST_EXPIRED = """-- list_expired_uploads: those whose time is over, longest first
SELECT * FROM direct_uploads
WHERE noted_at IS NULL AND expires_at < now()
ORDER BY expires_at
LIMIT $1
"""

LIST_UNFINISHED = """-- list_unfinished_uploads: called complete so long ago, and no file import yet
SELECT * FROM direct_uploads
WHERE noted_at < now() - make_interval(secs => $1)
ORDER BY noted_at
LIMIT $2
"""
