"""``entities``, ``entity``, ``split-entity`` and ``join-entities``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.client import HeadraceClient
from serve_app.commands.output import Output

COLUMNS = ("id", "kind", "name", "records", "keys")
SHOWN_KEYS = 3
EXCERPT_CHARS = 120


def find_entities(
    client: HeadraceClient, output: Output, text: str | None, kinds: Sequence[str], *, limit: int
) -> None:
    """Those that the text may mean, or all that have a name."""
    found = client.entities(text, kinds=kinds, limit=limit)
    if output.as_json:
        output.json(found)
        return
    if found["entities"]:
        output.table(COLUMNS, [_row(entity) for entity in found["entities"]])
    else:
        output.note("nobody and nothing of that name" if text else "no entities yet")
    _note_waiting(output, found["waiting"])


def show_entity(
    client: HeadraceClient, output: Output, entity_id: str, *, offset: int, limit: int
) -> None:
    """All that is known of it, and where it is spoken of."""
    entity = client.entity(entity_id, offset=offset, limit=limit)
    if output.as_json:
        output.json(entity)
        return
    output.line(f"{entity['kind']} {entity['name'] or '(no name)'}  {entity['id']}")
    for label, values in (("also", entity["aliases"]), ("keys", entity["keys"])):
        if values:
            output.line(f"{label}: {', '.join(values)}")
    for name, value in entity["facts"].items():
        output.line(f"{name}: {value}")
    _show_near(output, "linked by near evidence", entity["near"])
    _show_near(output, "may be the same", entity["candidates"])
    output.line(f"{entity['records']} records")
    for entry in entity["timeline"]:
        output.line(_timeline_line(entry))
    if entity["next_offset"] is not None:
        output.note(f"more: headrace entity {entity_id} --offset {entity['next_offset']}")


def split_entity(
    client: HeadraceClient, output: Output, entity_id: str, parts: Sequence[str]
) -> None:
    """Part it, and say when that is in effect."""
    _show_decided(output, client.split_entity(entity_id, parts))


def join_entities(client: HeadraceClient, output: Output, entity_id: str, other: str) -> None:
    """Join both, and say when that is in effect."""
    _show_decided(output, client.join_entities(entity_id, other))


def _show_decided(output: Output, decided: dict[str, Any]) -> None:
    if output.as_json:
        output.json(decided)
    else:
        output.line("decided for good; in effect within seconds")


def _show_near(output: Output, label: str, near: Sequence[dict[str, Any]]) -> None:
    if near:
        output.line(f"{label}:")
    for one in near:
        reasons = "; ".join(evidence["reason"] for evidence in one["evidence"])
        output.line(f"  {one['score']:.3f}  {one['name'] or '(no name)'}  {one['id']}  {reasons}")


def _timeline_line(entry: dict[str, Any]) -> str:
    moment = (entry["timestamp"] or "").replace("T", " ")[:16]
    excerpt = " ".join(entry["excerpt"].split())[:EXCERPT_CHARS]
    roles = ", ".join(entry["roles"])
    parts = (moment, entry["source_type"], roles, entry["title"] or "", excerpt)
    return "  ".join(part for part in parts if part)


def _row(entity: dict[str, Any]) -> Sequence[str]:
    keys = entity["keys"]
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    shown = ", ".join(keys[:SHOWN_KEYS]) + more
    return (entity["id"], entity["kind"], entity["name"] or "", str(entity["records"]), shown)


def _note_waiting(output: Output, waiting: int) -> None:
    if waiting:
        output.note(f"{waiting:,} records and entities are still to be linked")
