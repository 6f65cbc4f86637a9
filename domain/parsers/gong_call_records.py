"""A call as a record, and the names by which others know it and its people."""

from __future__ import annotations

from collections.abc import Iterator

from domain.models.records import ContentType, JsonValue, Place, Record
from domain.parsers.gong_call_text import action_items, call_text, outcome
from domain.parsers.gong_calls import Call
from domain.parsers.gong_fields import distinct, iso, snake, texts_of
from domain.parsers.gong_people import CrmObject
from domain.parsers.readable import is_blank
from domain.parsers.slack_fields import JsonObject, object_field, objects_field, text_field

_ELSEWHERE = frozenset(("id", "title", "url", "started", "duration"))
_DETAILS_IN_A_LISTED_CALL = frozenset(
    ("parties", "content", "context", "interaction", "collaboration", "transcript")
)


def call_record(call: Call, place: Place, source_type: str) -> Record:
    return Record(
        source_type=source_type,
        native_id=f"call:{call.id}",
        content_type=ContentType.RECORD,
        content=call_text(call),
        place=place,
        title=call.shown_title,
        author=call.host.shown if call.host else None,
        timestamp=call.started,
        url=call.url,
        thread=call.id,
        metadata=_metadata(call),
        version=call.version,
        visibility=call.visibility,
        names=dict(_names(call)),
    )


def _names(call: Call) -> Iterator[tuple[str, str]]:
    """What the call's transcript asks for, which may lie in another file."""
    if call.title:
        yield f"gong:call:{call.id}", call.title
    if call.started:
        yield f"gong:started:{call.id}", iso(call.started)
    yield f"gong:url:{call.id}", call.url
    yield f"gong:visibility:{call.id}", " ".join(call.visibility)
    for speaker_id, party in call.speakers.items():
        yield f"gong:speaker:{call.id}:{speaker_id}", party.label
        yield f"gong:affiliation:{call.id}:{speaker_id}", party.affiliation
        yield f"gong:person:{call.id}:{speaker_id}", party.known_as(call.id)


def _metadata(call: Call) -> dict[str, JsonValue]:
    """Scalars and flat lists, by which one filters, before what is nested.

    Media addresses are left out: they expire, and are others in every answer.
    """
    content = call.content
    facts: dict[str, JsonValue] = {
        "call_id": call.id,
        "duration_seconds": call.details.get("duration"),
        **_details(call.details),
        "participants": distinct(party.shown for party in call.parties),
        "emails": distinct(party.email for party in call.parties),
        "crm_object_ids": distinct(item.id for item in _crm_objects(call)),
        "topics": texts_of(content, "topics", "name"),
        "trackers": distinct(
            text_field(item, "name")
            for item in objects_field(content, "trackers")
            if item.get("count") != 0
        ),
        "outcome": outcome(content),
        "action_items": action_items(content),
        "parties": [party.to_json() for party in call.parties],
        "crm_objects": [_crm_json(item) for item in call.crm_objects],
        "tracker_counts": _by_name(content, "trackers", "count"),
        "topic_seconds": _by_name(content, "topics", "duration"),
        "structure_seconds": _by_name(content, "structure", "duration"),
        **_interaction(call),
    }
    return {key: value for key, value in facts.items() if not is_blank(value)}


def _details(details: JsonObject) -> dict[str, JsonValue]:
    """Every other field of the call, known or new, under its name in snake case."""
    left_out = _ELSEWHERE | _DETAILS_IN_A_LISTED_CALL
    return {snake(key): value for key, value in details.items() if key not in left_out}


def _interaction(call: Call) -> dict[str, JsonValue]:
    interaction = object_field(call.value, "interaction")
    return {
        "interaction_stats": _by_name(interaction, "interactionStats", "value"),
        "questions": dict(object_field(interaction, "questions")),
    }


def _by_name(source: JsonObject, name: str, value: str) -> dict[str, JsonValue]:
    return {
        label: item[value]
        for item in objects_field(source, name)
        if (label := text_field(item, "name")) and item.get(value) is not None
    }


def _crm_objects(call: Call) -> Iterator[CrmObject]:
    yield from call.crm_objects
    for party in call.parties:
        yield from party.crm_objects


def _crm_json(item: CrmObject) -> dict[str, JsonValue]:
    facts = {"type": item.type, "id": item.id, "name": item.name, "system": item.system}
    return {key: value for key, value in facts.items() if value} | {"fields": dict(item.fields)}
