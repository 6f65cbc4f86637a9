"""Writing events in the same transaction as the change that they tell of."""

from __future__ import annotations

from actors.adapters.postgres.database import Connection
from actors.adapters.postgres.text import json_text
from domain.models.events import Event, to_payload

EVENTS_CHANNEL = "headrace_events"
GENERATION_CHANNEL = "headrace_generation"

# Without it an event could become visible after one of a greater id, and who follows the log would
# miss it. NOTIFY takes a lock of the same kind for the commit, so this costs next to nothing.
EVENT_ORDER = """-- event_order: let ids grow in the order of commits, until this transaction ends
SELECT pg_advisory_xact_lock(5217203980)
"""

# The same within one statement, for a file that the statement before it, ``{changed}``, has locked:
# the order is that of the lines, since each needs the rows of the one before. ``{name}`` may be
# NULL, then nothing is told.
TELL = """ordered AS MATERIALIZED (
    SELECT id, priority, pg_advisory_xact_lock(5217203980) FROM {changed}
    WHERE {name}::text IS NOT NULL
), told AS (
    INSERT INTO outbox (file_id, name, payload, urgency)
    SELECT id, {name}::text, {payload},
           CASE WHEN {name}::text = 'file_uploaded' THEN 1 + priority ELSE 0 END
    FROM ordered
)"""

INSERT_EVENT = """-- insert_event: put an event into the outbox, and wake its readers on commit
INSERT INTO outbox (file_id, name, payload, urgency)
SELECT id, $2::text, $3, CASE WHEN $2::text = 'file_uploaded' THEN 1 + priority ELSE 0 END
FROM file_imports WHERE id = $1
RETURNING pg_notify('headrace_events', '')
"""

ANNOUNCE = """-- announce: wake whoever waits for work, when this transaction commits
SELECT pg_notify('headrace_events', '')
"""


async def write_event(connection: Connection, event: Event) -> None:
    """Put the event into the outbox. The transaction must lock nothing else after this."""
    await connection.execute(EVENT_ORDER)
    await connection.execute(INSERT_EVENT, event.file_id, event.name, json_text(to_payload(event)))


async def announce(connection: Connection) -> None:
    await connection.execute(ANNOUNCE)
