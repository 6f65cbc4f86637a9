"""What a JSON value is in Gong's terms: a call, a transcript, a page of such, an answer.

Gong adds fields without notice, so a value is known by the few that it must have, and unknown
ones are no reason to doubt it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.models.records import JsonValue
from domain.parsers.json_shapes import FoundShape, is_page, parts_of
from domain.parsers.slack_fields import JsonObject, object_field


class Kind(StrEnum):
    """``EMPTY`` is an answer that found nothing, ``ERROR`` one that failed."""

    CALL = "call"
    TRANSCRIPT = "transcript"
    USER = "user"
    TRACKER = "tracker"
    EMPTY = "empty"
    ERROR = "error"
    TEST = "test"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class GongPart:
    """One thing in a value; ``path`` names the list that held it, where that says what it is."""

    kind: Kind
    value: JsonValue
    path: str = ""


LISTS: Mapping[str, Kind] = {
    "calls": Kind.CALL,
    "callTranscripts": Kind.TRANSCRIPT,
    "users": Kind.USER,
    "keywordTrackers": Kind.TRACKER,
}
"""The lists of Gong's answers, which may be streamed element by element."""

_DETAILS = frozenset(("started", "scheduled", "duration", "primaryUserId"))
_LISTED = _DETAILS | frozenset(
    (
        *("direction", "scope", "media", "system", "language", "workspaceId", "sdrDisposition"),
        *("clientUniqueId", "isPrivate", "calendarEventId", "meetingUrl"),
    )
)
_ITS_OWN = frozenset(
    ("primaryUserId", "workspaceId", "sdrDisposition", "clientUniqueId", "calendarEventId")
)
_ENOUGH_LISTED = 4
_USER_MARKS = frozenset(("emailAddress", "firstName", "lastName"))
_USER_OWN = frozenset(("trustedEmailAddress", "emailAliases", "meetingConsentPageUrl", "managerId"))
_MONOLOGUE = frozenset(("speakerId", "topic"))
_PAGING = frozenset(("requestId", "records"))
_ENVELOPES = frozenset(("data", "result", "response", "body", "payload"))
_NOTHING_FOUND = re.compile(r"\bno \w+ found\b|\bnot found\b", re.IGNORECASE)
_NOTHING_OF_GONG = "found corresponding to the provided filters"
_LARGE_CALL = re.compile(
    rb'"metaData"\s*:\s*\{[^{}]*"(?:started|scheduled|duration|primaryUserId)"\s*:'
    rb'|"callTranscripts"\s*:\s*\['
    rb'|"callId"\s*:\s*"?\d+"?\s*,\s*"transcript"\s*:\s*\['
    rb'|"transcript"\s*:\s*\[\s*\{\s*"(?:speakerId|topic|sentences)"\s*:'
)
_OPENING_BYTES = 64 * 1024


def looks_like_gong(found: FoundShape, head: bytes) -> bool:
    """Whether JSON is of Gong: half of the objects seen, or the beginning of one that is large.

    ``head`` is UTF-8.
    """
    objects = [value for value in found.sample if isinstance(value, dict)]
    if (found.path and found.path[-1] not in LISTS) or not objects:
        return bool(_LARGE_CALL.search(head[:_OPENING_BYTES]))
    return sum(map(_is_gong, objects)) * 2 >= len(objects)


def parts_in(value: JsonValue, list_name: str = "") -> Iterator[GongPart]:
    """What a value of a stream holds; ``list_name`` is the list that it was streamed from."""
    if list_name in LISTS:
        yield _in_list(LISTS[list_name], value)
    elif not isinstance(value, dict):
        yield GongPart(Kind.OTHER, value)
    elif is_call(value):
        yield GongPart(Kind.CALL, value)
    elif is_transcript(value):
        yield GongPart(Kind.TRANSCRIPT, value)
    elif _is_user(value):
        yield GongPart(Kind.USER, value)
    elif isinstance(value.get("callData"), dict):
        is_test = value.get("isTest") is True
        yield GongPart(Kind.TEST if is_test else Kind.CALL, value["callData"])
    elif is_answer(value):
        yield from _in_answer(value)
    elif is_page(value):
        yield from (GongPart(Kind.OTHER, part.value, part.path) for part in parts_of(value))
    else:
        yield GongPart(Kind.OTHER, value)


def rest_of_answer(value: JsonObject) -> Iterator[GongPart]:
    """What an answer holds beside the list that was streamed out of it, mostly nothing."""
    for key, item in value.items():
        if key in LISTS and isinstance(item, list):
            yield from (_in_list(LISTS[key], element) for element in item)
        elif key == "call" and isinstance(item, dict):
            yield GongPart(Kind.CALL, item)
        elif key in _ENVELOPES and is_answer(item):
            yield from _in_answer(item)
        elif key not in _PAGING and _is_object_list(item):
            yield from (GongPart(Kind.OTHER, p.value, p.path) for p in parts_of({key: item}))


def is_call(value: JsonObject) -> bool:
    """Whether an object is a call, in the extensive form or as the list of calls has it."""
    details = value.get("metaData")
    if isinstance(details, dict):
        return "id" in details and not _DETAILS.isdisjoint(details)
    known = _LISTED & value.keys()
    is_gong = not _ITS_OWN.isdisjoint(known) or "gong.io/call" in str(value.get("url"))
    return "id" in value and is_gong and len(known) >= _ENOUGH_LISTED


def is_transcript(value: JsonObject) -> bool:
    """Whether an object is what was said in one call."""
    if "callId" not in value or "transcript" not in value:
        return False
    turns = value["transcript"]
    if turns is None or turns == []:
        return len(value) == 2
    return isinstance(turns, list) and any(_is_monologue(turn) for turn in turns[:3])


def is_answer(value: JsonValue) -> bool:
    """Whether an object is what the API answers: a page, one call, or that there is none."""
    if not isinstance(value, dict):
        return False
    if "requestId" in value and (isinstance(value.get("errors"), list) or _is_one_call(value)):
        return True
    has_list = any(isinstance(value.get(key), list) for key in LISTS)
    return has_list or any(is_answer(value.get(key)) for key in _ENVELOPES)


def _is_gong(value: JsonObject) -> bool:
    """Whether nothing but Gong writes such an object."""
    if is_call(value) or is_transcript(value) or _is_user(value):
        return True
    if isinstance(value.get("callData"), dict):
        return is_call(value["callData"])
    if not is_answer(value):
        return False
    if any(_is_gong(value[key]) for key in _ENVELOPES if is_answer(value.get(key))):
        return True
    if _is_one_call(value):
        return is_call(value["call"])
    if "errors" in value:
        return _NOTHING_OF_GONG in str(value["errors"])
    return _is_gong_page(value)


def _is_gong_page(value: JsonObject) -> bool:
    lists = {key: value[key] for key in LISTS if isinstance(value.get(key), list)}
    if not any(lists.values()):
        return "callTranscripts" in lists or ("calls" in lists and value.keys() >= _PAGING)
    return any(
        isinstance(items[0], dict) and _is_gong_element(key, items[0], value)
        for key, items in lists.items()
        if items
    )


def _is_gong_element(list_name: str, item: JsonObject, answer: JsonObject) -> bool:
    match LISTS[list_name]:
        case Kind.CALL:
            return is_call(item)
        case Kind.TRANSCRIPT:
            return is_transcript(item)
        case Kind.USER:
            return "requestId" in answer and item.keys() >= _USER_MARKS
        case _:
            return "trackerId" in item


def _in_answer(value: JsonObject) -> Iterator[GongPart]:
    errors = value.get("errors")
    if isinstance(errors, list) and not any(key in value for key in LISTS):
        is_empty = any(_NOTHING_FOUND.search(str(error)) for error in errors)
        yield GongPart(Kind.EMPTY if is_empty else Kind.ERROR, value)
        return
    parts = list(rest_of_answer(value))
    yield from parts or [GongPart(Kind.EMPTY, value)]


def _in_list(kind: Kind, value: JsonValue) -> GongPart:
    """An element of a list; a list of calls may hold mere mentions of them, as the library's."""
    if kind is Kind.CALL and isinstance(value, dict) and "metaData" not in value:
        kind = Kind.OTHER if _DETAILS.isdisjoint(value) and "title" in value else kind
    return GongPart(kind, value, kind.value)


def _is_user(value: JsonObject) -> bool:
    return value.keys() >= _USER_MARKS and len(_USER_OWN & value.keys()) >= 2


def _is_one_call(value: JsonObject) -> bool:
    return bool(object_field(value, "call"))


def _is_monologue(turn: JsonValue) -> bool:
    is_spoken = isinstance(turn, dict) and isinstance(turn.get("sentences"), list)
    return is_spoken and not _MONOLOGUE.isdisjoint(turn)


def _is_object_list(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
