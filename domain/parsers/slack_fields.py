"""Reading fields of JSON that may hold anything: a field of another type counts as absent."""

from __future__ import annotations

from collections.abc import Mapping

from domain.models.records import JsonValue

JsonObject = Mapping[str, JsonValue]

_NOTHING: JsonObject = {}


def text_field(source: JsonObject, *names: str) -> str:
    """The first of the named fields that holds a text with more than blanks, or an empty text."""
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value and not value.isspace():
            return value
    return ""


def object_field(source: JsonObject, name: str) -> JsonObject:
    value = source.get(name)
    return value if isinstance(value, dict) else _NOTHING


def objects_field(source: JsonObject, name: str) -> list[JsonObject]:
    """The objects in a list; whatever else the list holds is left out."""
    value = source.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts_field(source: JsonObject, name: str) -> list[str]:
    value = source.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def whole_number_field(source: JsonObject, name: str) -> int:
    value = source.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
