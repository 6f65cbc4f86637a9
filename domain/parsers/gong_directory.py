"""Gong's answers that are not calls: its users, and the trackers that listen for words."""

from __future__ import annotations

from domain.models.records import ContentType, JsonValue, Place, Record
from domain.parsers.gong_fields import id_field, iso, snake
from domain.parsers.readable import is_blank
from domain.parsers.slack_fields import JsonObject, objects_field, text_field, texts_field
from domain.parsers.timestamps import parse_timestamp


def user_record(user: JsonObject, place: Place, source_type: str) -> Record | None:
    """A person of the company, who gives calls and comments a name; ``None`` without an id."""
    id = id_field(user, "id")
    names = [text_field(user, key).strip() for key in ("firstName", "lastName")]
    email = text_field(user, "emailAddress").strip().lower()
    name = " ".join(part for part in names if part) or email
    if not id:
        return None
    facts = [
        name or f"User {id}",
        text_field(user, "title"),
        email,
        text_field(user, "phoneNumber"),
    ]
    return Record(
        source_type=source_type,
        native_id=f"user:{id}",
        content_type=ContentType.RECORD,
        content=", ".join(dict.fromkeys(fact for fact in facts if fact)),
        place=place,
        title=name or f"User {id}",
        metadata=_metadata(user, "user_id", id),
        names={f"gong:user:{id}": name} if name else {},
    )


def tracker_record(tracker: JsonObject, place: Place, source_type: str) -> Record | None:
    """A tracker with its words; ``None`` without an id."""
    id = id_field(tracker, "trackerId", "id")
    if not id:
        return None
    name = text_field(tracker, "trackerName", "name") or f"Tracker {id}"
    words = [
        f"{text_field(language, 'language') or 'any language'}: {', '.join(keywords)}"
        for language in objects_field(tracker, "languageKeywords")
        if (keywords := texts_field(language, "keywords"))
    ]
    updated = parse_timestamp(tracker.get("updated"))
    return Record(
        source_type=source_type,
        native_id=f"tracker:{id}",
        content_type=ContentType.RECORD,
        content="\n".join([f"Tracker {name}", *words]),
        place=place,
        title=name,
        timestamp=updated,
        metadata=_metadata(tracker, "tracker_id", id),
        version=iso(updated) if updated else "",
    )


def _metadata(value: JsonObject, id_name: str, id: str) -> dict[str, JsonValue]:
    facts = {snake(key): item for key, item in value.items() if not is_blank(item)}
    return facts | {id_name: id}
