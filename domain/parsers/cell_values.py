"""Values of table cells, from libraries that have types for them, as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from math import isfinite

from domain.models.records import JsonValue
from domain.parsers.readable import clean_text

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def json_value(value: object) -> JsonValue:
    """Moments as ISO 8601, durations in seconds, what is no number as ``None``.

    Bytes are read as UTF-8, or as hex digits where they are none; integers beyond 64 bits and
    whatever else there is become texts.
    """
    match value:
        case None | bool():
            return value
        case str():
            return clean_text(value)
        case int():
            return value if _SMALLEST <= value <= _LARGEST else str(value)
        case float():
            return value if isfinite(value) else None
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return _text_of(value)
        case Mapping():
            return {clean_text(str(key)): json_value(item) for key, item in value.items()}
        case Sequence():
            return [json_value(item) for item in value]
        case _:
            return clean_text(str(value))


def _text_of(value: bytes) -> str:
    try:
        return clean_text(value.decode())
    except UnicodeDecodeError:
        return value.hex()
