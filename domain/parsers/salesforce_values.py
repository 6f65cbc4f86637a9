"""Salesforce values: from the text in a cell to what it means, and how a sentence says it."""

from __future__ import annotations

import html
import re

from domain.models.records import JsonValue
from domain.parsers.html_text import text_of_html
from domain.parsers.json_values import JsonError, parse_value
from domain.parsers.readable import lines_of
from domain.parsers.salesforce_fields import Traits
from domain.parsers.timestamps import parse_timestamp

_FLAGS = {"true": True, "false": False}
_SHORT_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(\.\d{1,15})?([eE][+-]?\d{1,2})?\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_SLASHED = re.compile(r"\d{1,2}/\d{1,2}/\d{4}(?P<time>,? +\d.*)?\Z", re.ASCII)
_TAG = re.compile(
    r"</?(?:p|br|div|span|b|i|u|s|strong|em|ul|ol|li|a|h[1-6]|img|table|tbody|tr|td|th|font"
    r"|blockquote|pre|code|hr|html|body)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6});")
_LIST = re.compile(r"[^;\n]{1,255}(?:;(?! )[^;\n]{1,255})+\Z")
_ADDRESS_PARTS = ("street", "city", "state", "postalCode", "country")


def typed(text: str, traits: Traits) -> JsonValue:
    """A cell's value by its field's name and its own looks, never by its neighbours.

    Dates become ISO 8601 in UTC, rich text becomes text, ``a;b`` of a custom field a list.
    ``true`` and ``false`` are flags anywhere, ``1`` and ``0`` where the name says so.
    """
    flag = (_SHORT_FLAGS if traits.is_boolean else _FLAGS).get(text)
    if flag is not None:
        return flag
    if traits.is_numeric and _NUMBER.match(text):
        return number_of(text)
    if text[4:5] == "-" or "/" in text[1:3]:
        return _moment(text) or text
    if text[0] == "{" and isinstance(compound := _json(text), dict):
        return compound
    if "<" in text or ("&" in text and traits.is_custom):
        return plain_text(text)
    if traits.is_listed and ";" in text and "://" not in text and _LIST.match(text):
        return text.split(";")
    return text


def _json(text: str) -> JsonValue:
    """What a compound field, an address or a place, holds in a table."""
    try:
        return parse_value(text.encode())
    except JsonError:
        return None


def number_of(text: str) -> int | float:
    return float(text) if "." in text or "e" in text or "E" in text else int(text)


def _moment(text: str) -> str | None:
    """An ISO date or moment, if the text is one."""
    if _DATE.match(text):
        return text
    slashed = _SLASHED.match(text)
    if not slashed and not _MOMENT.match(text):
        return None
    moment = parse_timestamp(text)
    if moment is None:
        return None
    if slashed and not slashed["time"]:
        return moment.date().isoformat()
    return moment.isoformat().replace("+00:00", "Z")


def plain_text(text: str) -> str:
    """Rich text as text; what holds neither a tag nor only entities stays as it is."""
    if _TAG.search(text):
        return text_of_html(text)[0]
    return html.unescape(text) if _ENTITY.search(text) else text


def version_of(text: str) -> str:
    """A moment so that later ones sort after earlier ones; ``""`` if the text is none."""
    if len(text) == 28 and text.endswith("+0000") and _MOMENT.match(text):
        return f"{text[:23]}Z"
    moment = parse_timestamp(text)
    if moment is None:
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spoken(value: JsonValue, traits: Traits) -> str:
    """How a sentence says a typed value, its field's name included; ``""``: not at all."""
    if isinstance(value, bool):
        return _spoken_flag(value, traits)
    if isinstance(value, int | float):
        return f"{traits.phrase} {_spoken_number(value, traits)}"
    if isinstance(value, list | dict):
        text = _spoken_address(value) if isinstance(value, dict) else ""
        text = text or ", ".join(lines_of("", value))
        return f"{traits.phrase} {text}" if text else ""
    if len(value) > 10 and value[-1] == "Z" and value[10] == "T" and _MOMENT.match(value):
        value = f"{value[:10]} {value[11:16]}"
    return f"{traits.phrase} {value}"


def _spoken_flag(flag: bool, traits: Traits) -> str:
    label = traits.label.removeprefix("is ")
    if flag:
        return label
    return f"not {label}" if traits.is_custom else ""


def _spoken_number(number: int | float, traits: Traits) -> str:
    if not traits.is_money:
        return f"{number}%" if traits.label == "probability" else str(number)
    is_whole = number == int(number)
    return f"{int(number):,}" if is_whole else f"{number:,}"


def _spoken_address(value: dict[str, JsonValue]) -> str:
    parts = [value.get(part) for part in _ADDRESS_PARTS]
    return ", ".join(" ".join(part.split()) for part in parts if isinstance(part, str) and part)
