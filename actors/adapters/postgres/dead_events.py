"""Events that were given up: set aside with their error, and put back on demand.

Both move the event's file with it. The file is locked first, as everywhere.
"""

from __future__ import annotations

from actors.adapters.postgres import file_sql
from actors.adapters.postgres.database import Connection, Row
from actors.adapters.postgres.outbox import announce
from actors.adapters.postgres.text import storable
from domain.errors import ConflictError, NotFoundError
from domain.file_states import check_transition, statuses_awaiting
from domain.models.events import Event, from_payload
from domain.models.files import ProcessingStatus
from domain.models.ids import FileId

FILE_OF_EVENT = """-- file_of_event: whose event it is, dead or not
SELECT file_id FROM outbox WHERE id = $1 UNION ALL SELECT file_id FROM dead_events WHERE id = $1
"""

BURY = """-- bury_event: take the event out of the outbox, set it aside
WITH given_up AS (
    DELETE FROM outbox WHERE id = $1 AND handled_at IS NULL
    RETURNING id, file_id, name, payload, urgency, attempts, created_at
)
INSERT INTO dead_events (id, file_id, name, payload, urgency, attempts, created_at, error)
SELECT *, $2 FROM given_up
RETURNING name, payload
"""

UNBURY = """-- unbury_event: put a dead event back under its old id, due at once
WITH wanted AS (
    DELETE FROM dead_events WHERE id = $1
    RETURNING id, file_id, name, payload, urgency, created_at
)
INSERT INTO outbox (id, file_id, name, payload, urgency, created_at)
OVERRIDING SYSTEM VALUE SELECT * FROM wanted
RETURNING name, payload
"""

AWAIT_AGAIN = """-- await_again: let a file that failed by a dead event wait for it
UPDATE file_imports
SET processing_status = $2, error_message = NULL, processing_completed_at = NULL, updated_at = now()
WHERE id = $1
"""


async def bury(connection: Connection, event_id: int, error: str) -> None:
    """Set the event aside; a file that waits for it becomes ``failed``. No harm if it is gone."""
    file = await _locked_file(connection, event_id)
    row = await connection.fetchrow(BURY, event_id, storable(error)) if file else None
    if file is None or row is None:
        return
    event = from_payload(row["name"], row["payload"])
    status = ProcessingStatus(file["processing_status"])
    if status in statuses_awaiting(event):
        check_transition(status, ProcessingStatus.FAILED)
        sentence = _sentence(event, event_id, error)
        await connection.fetchrow(
            file_sql.MOVE_FILE, file["id"], ProcessingStatus.FAILED, storable(sentence), True
        )
    await announce(connection)


async def unbury(connection: Connection, event_id: int) -> FileId:
    """Put the event back; its file waits for it again. Returns the file's id.

    Raises:
        NotFoundError, ConflictError: as ``EventJournal.replay``.
    """
    file = await _locked_file(connection, event_id)
    if file is None:
        raise NotFoundError("no such event", event_id=event_id)
    status = ProcessingStatus(file["processing_status"])
    if status is ProcessingStatus.DELETING:
        raise ConflictError("the event's file is being deleted", event_id=event_id)
    row = await connection.fetchrow(UNBURY, event_id)
    if row is None:
        raise ConflictError("only a dead event can be replayed", event_id=event_id)
    awaiting = statuses_awaiting(from_payload(row["name"], row["payload"]))
    if status is ProcessingStatus.FAILED and awaiting:
        check_transition(status, awaiting[0])
        await connection.execute(AWAIT_AGAIN, file["id"], awaiting[0])
    await announce(connection)
    return FileId(file["id"])


async def _locked_file(connection: Connection, event_id: int) -> Row | None:
    file_id = await connection.fetchval(FILE_OF_EVENT, event_id)
    return await connection.fetchrow(file_sql.LOCK_FILE, file_id) if file_id else None


def _sentence(event: Event, event_id: int, error: str) -> str:
    return (
        f"{event.name} could not be handled: {error}; "
        f"once the cause is gone: headrace events replay {event_id}"
    )
