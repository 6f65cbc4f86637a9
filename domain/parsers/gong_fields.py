"""Reading fields of Gong's objects, and what is said alike of calls and of transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from domain.models.records import JsonValue
from domain.parsers.slack_fields import JsonObject, objects_field, text_field
from domain.references import without_marks

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MARKS_BEGIN = (b"\xee\x80", b"\\ue00", b"\\uE00")
"""How the characters that mark references are written in JSON, plain or escaped."""


def id_field(source: JsonObject, *names: str) -> str:
    """The first of the named ids as text; whole numbers become their digits."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def number_field(source: JsonObject, name: str) -> int | float | None:
    value = source.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def texts_of(source: JsonObject, list_name: str, *names: str) -> list[str]:
    """One text of each object in a list, each text once, in order."""
    return distinct(text_field(item, *names).strip() for item in objects_field(source, list_name))


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts that are not empty, each once, in order."""
    return list(dict.fromkeys(text for text in texts if text))


@lru_cache(maxsize=1024)
def snake(name: str) -> str:
    """``primaryUserId`` as ``primary_user_id``."""
    return _CAMEL.sub("_", name).lower()


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def unmarked(value: JsonValue, raw: bytes) -> JsonValue:
    """The value without the characters that mark references, which a source must not forge."""
    return _unmarked(value) if any(mark in raw for mark in _MARKS_BEGIN) else value


def _unmarked(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return without_marks(value)
    if isinstance(value, dict):
        return {without_marks(key): _unmarked(item) for key, item in value.items()}
    return [_unmarked(item) for item in value] if isinstance(value, list) else value
