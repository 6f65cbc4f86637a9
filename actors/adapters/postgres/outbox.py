"""Writing events in the same transaction as the change that they tell of."""

from __future__ import annotations

from actors.adapters.postgres.database import Connection
from actors.adapters.postgres.text import json_text
from domain.models.events import Event, to_payload

EVENTS_CHANNEL = "headrace_events"
GENERATION_CHANNEL = "headrace_generation"

INSERT_EVENT = """-- insert_event: put an event into the outbox
INSERT INTO outbox (file_id, name, payload) VALUES ($1, $2, $3)
"""

ANNOUNCE = """-- announce: wake whoever waits for work, when this transaction commits
SELECT pg_notify('headrace_events', '')
"""


async def write_event(connection: Connection, event: Event) -> None:
    await connection.execute(INSERT_EVENT, event.file_id, event.name, json_text(to_payload(event)))
    await announce(connection)


async def announce(connection: Connection) -> None:
    await connection.execute(ANNOUNCE)
