"""What PostgreSQL's text can hold.

It has no NUL and no lone surrogate; here, and nowhere else, they become U+FFFD. What goes through
``json_text`` for JSONB and ``escaped_json`` for JSON is the text of a JSON document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from domain.models.records import JsonValue, Place, Record, Segment

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_PLACE = re.compile(r"(?:(?P<member>.*):)?(?P<start>\d+)-(?P<end>\d+)(?:#(?P<ordinal>\d+))?", re.S)
_LARGEST_INTEGER = 2**63
MAX_SOURCE_ID_CHARS = 255

Text = TypeVar("Text", str, str | None)


def storable(text: Text) -> Text:
    """The text with what cannot be stored replaced."""
    return _UNSTORABLE.sub("\ufffd", text) if text else text


def storable_json(value: Any) -> Any:
    """The JSON value with every text in it storable; integers beyond 64 bits become text."""
    match value:
        case str():
            return storable(value)
        case list() | tuple():
            return [storable_json(item) for item in value]
        case dict():
            return {storable(str(key)): storable_json(item) for key, item in value.items()}
        case int() if not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
            return str(value)
        case _:
            return value


def json_text(value: Any) -> str:
    """The value as text for JSONB."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return orjson.dumps(storable_json(value), option=orjson.OPT_NON_STR_KEYS).decode()
    return json_text(storable_json(value)) if _has_escaped_nul(text) else text


def _has_escaped_nul(text: str) -> bool:
    return "\\u0000" in text and _ESCAPED_NUL.search(text) is not None


_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def escaped_json(value: Any) -> str:
    """The value as ASCII text for JSON columns, from which every character comes back."""
    return json.dumps(value)


def storable_record(record: Record) -> Record:
    """The record itself where it can be stored as it is, else a copy that can."""
    texts = (
        record.source_type,
        record.native_id,
        record.content,
        record.title,
        record.author,
        record.url,
        record.thread,
        record.version,
        record.place.member,
        *record.visibility,
    )
    joined = "".join(filter(None, texts))
    # ASCII is the common case, and quick to tell.
    is_storable = "\x00" not in joined and (joined.isascii() or not _UNSTORABLE.search(joined))
    is_storable = is_storable and _can_hold(record.metadata) and _can_hold(more_of(record))
    return record if is_storable else _cleaned(record)


def more_of(record: Record) -> dict[str, JsonValue] | None:
    """What the record has beyond its columns; ``None`` for most."""
    if not (record.segments or record.group or record.names):
        return None
    more = {
        "segments": segments_json(record.segments),
        "group": record.group,
        "names": dict(record.names),
    }
    return {key: value for key, value in more.items() if value}


def segments_json(segments: Sequence[Segment]) -> list[JsonValue]:
    return [[segment.start, segment.end, dict(segment.metadata)] for segment in segments]


def segments_of(value: Sequence[JsonValue]) -> tuple[Segment, ...]:
    """The segments that ``segments_json`` wrote."""
    return tuple(Segment(start, end, metadata) for start, end, metadata in value)


def _can_hold(metadata: Any) -> bool:
    if not metadata:
        return True
    try:
        text = orjson.dumps(metadata, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        return False
    return not _has_escaped_nul(text)


def _cleaned(record: Record) -> Record:
    return replace(
        record,
        source_type=storable(record.source_type),
        native_id=storable(record.native_id),
        content=storable(record.content),
        title=storable(record.title),
        author=storable(record.author),
        url=storable(record.url),
        thread=storable(record.thread),
        version=storable(record.version),
        metadata=storable_json(dict(record.metadata)),
        place=replace(record.place, member=storable(record.place.member)),
        visibility=tuple(storable(name) for name in record.visibility),
        segments=segments_of(storable_json(segments_json(record.segments))),
        group=storable(record.group),
        names=storable_json(dict(record.names)),
    )


def parse_place(text: str) -> Place:
    """The place that ``str`` wrote."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a place: {text!r}")
    return Place(
        start=int(match["start"]),
        end=int(match["end"]),
        member=match["member"],
        ordinal=int(match["ordinal"] or 0),
    )


def array_literal(items: tuple[str, ...]) -> str:
    """A text array as PostgreSQL writes it, for arrays inside an array of rows."""
    quoted = (item.replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return "{" + ",".join(f'"{item}"' for item in quoted) + "}"
