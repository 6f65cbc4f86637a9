"""``events``: the log, live or not, and the replay of dead ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import orjson

from serve_app.client import HeadraceClient
from serve_app.commands.output import Output

COLUMNS = ("id", "time", "event", "state", "file", "what", "error")


def list_events(
    client: HeadraceClient, output: Output, *, file_id: str | None, dead: bool, limit: int
) -> None:
    """The latest events, oldest first."""
    page = client.events(file_id=file_id, dead=dead, limit=limit)
    if output.as_json:
        output.json(page)
    elif page["events"]:
        output.table(COLUMNS, [_row(event) for event in page["events"]])
    else:
        output.note("no dead events" if dead else "no events yet: headrace import PATH")


def follow_events(
    client: HeadraceClient, output: Output, *, file_id: str | None, limit: int
) -> None:
    """The latest events, then each that comes, over restarts of the service; until interrupted."""
    page = client.events(file_id=file_id, limit=limit)
    for event in page["events"]:
        _show(output, event)
    for event in client.follow_events(after=page["next_after"], file_id=file_id):
        _show(output, event)


def replay_event(client: HeadraceClient, output: Output, event_id: int) -> None:
    """Put a dead event back."""
    event = client.replay_event(event_id)
    if output.as_json:
        output.json(event)
    else:
        output.line(
            f"{event['id']} {event['name']} is handled again; see: headrace file {event['file_id']}"
        )


def _show(output: Output, event: dict[str, Any]) -> None:
    """One line at once, whatever reads it."""
    text = orjson.dumps(event).decode() if output.as_json else "  ".join(filter(None, _row(event)))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _row(event: dict[str, Any]) -> Sequence[str]:
    what = {name: value for name, value in event["payload"].items() if name != "file_id"}
    return (
        str(event["id"]),
        event["created_at"],
        event["name"],
        event["state"],
        event["file_id"],
        " ".join(f"{name}={value}" for name, value in what.items()),
        event["error"] or "",
    )
