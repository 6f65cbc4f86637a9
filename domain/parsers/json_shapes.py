"""How a JSON file is laid out, and which of its values are the records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

import orjson

from domain.models.records import JsonValue
from domain.parsers.json_scan import StructureScanner
from domain.parsers.json_values import JsonError, parse_value
from domain.parsers.readable import is_turn


def _words(text: str) -> list[str]:
    return text.split()


_SAMPLE_LINES = 50
_MAX_PATH = 4
_KEY = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*:\s*\Z')
_PAGE_MARKS = frozenset(
    _words("""
    requestid records totalsize done nextrecordsurl cursor nextcursor hasmore totalcount
    totalrecords pagesize pagenumber perpage pages responsemetadata searchmetadata paging pagination
""")
)
_PAGING = _PAGE_MARKS | frozenset(
    _words("""
    next previous prev page total count offset limit meta metadata links ok success took
    generatedat exportedat
""")
)
_ENVELOPES = frozenset(("data", "result", "results", "response", "body", "payload", "d"))
_OWN = re.compile(r"(?:^|_)(?:id|uuid|key|title|name|subject|text|body|content|description)$")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONG_TEXT_CHARS = 200
_MAJORITY, _OVERWHELMING = 0.5, 0.9
_LARGE_RECORD_BYTES = 64 * 1024
_SMALLEST_MAP = 3
KEY = "_key"
"""Column for the key under which a record stood in a map."""


class Shape(StrEnum):
    """How values follow each other in a file."""

    VALUE = "value"
    ARRAY = "array"
    LINES = "lines"
    CONCATENATED = "concatenated"


@dataclass(frozen=True, slots=True)
class FoundShape:
    """``array_start`` is the offset after the bracket of the array whose elements are records.

    ``path`` leads to that array through wrapping objects. ``sample`` are values as the shape
    delivers them, ``wrapper`` what stands around the records in the head. ``is_complete`` says
    that the head is one object or array and nothing else.
    """

    shape: Shape
    array_start: int = 0
    path: tuple[str, ...] = ()
    sample: tuple[JsonValue, ...] = ()
    wrapper: Mapping[str, JsonValue] = field(default_factory=dict)
    is_complete: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A value taken out of a wrapper: where it lay, and whether it is a record of columns."""

    path: str
    value: JsonValue


def find_shape(head: bytes, *, is_whole: bool) -> FoundShape | None:
    """Judge a head without byte order mark, in UTF-8; ``None`` if it does not look like JSON."""
    text = head.lstrip()
    offset = len(head) - len(text)
    if is_whole:
        try:
            return _shape_of_value(parse_value(text), offset)
        except JsonError:
            pass
    lines = _parsed_lines(text, is_whole=is_whole)
    if lines:
        return FoundShape(Shape.LINES, sample=tuple(lines))
    if text.startswith(b"["):
        return FoundShape(Shape.ARRAY, offset + 1, sample=tuple(_first_elements(text[1:])))
    if text.startswith(b"{") and text[1:].lstrip()[:1] in (b'"', b"}", b""):
        wrapped = None if is_whole else _open_array(text, offset)
        return wrapped or FoundShape(
            Shape.CONCATENATED, sample=tuple(_first_elements(text, level=0))
        )
    return None


def _shape_of_value(value: JsonValue, offset: int) -> FoundShape:
    if isinstance(value, list):
        sample = tuple(value[:_SAMPLE_LINES])
        return FoundShape(Shape.ARRAY, offset + 1, sample=sample, is_complete=True)
    is_object = isinstance(value, dict)
    fields = wrapper_fields(value)
    return FoundShape(Shape.VALUE, sample=(value,), wrapper=fields, is_complete=is_object)


def _parsed_lines(text: bytes, *, is_whole: bool) -> list[JsonValue]:
    """The first lines' values, if most lines are a value of their own and one is not scalar."""
    lines = text.split(b"\n", 10 * _SAMPLE_LINES)
    if not is_whole or len(lines) > 10 * _SAMPLE_LINES:
        lines.pop()
    filled = list(islice((line for line in lines if line.strip()), _SAMPLE_LINES))
    values = []
    for line in filled:
        try:
            values.append(parse_value(line.strip()))
        except JsonError:
            continue
    is_structured = any(isinstance(value, dict | list) for value in values)
    is_scalars = len(values) == len(filled) and len(values) > 1
    return values if len(values) * 2 >= len(filled) and (is_structured or is_scalars) else []


def _first_elements(text: bytes, *, level: int = 1) -> Iterator[JsonValue]:
    """The first complete elements of an open array, or values at the top level."""
    done = 0
    found = 0
    for at, char, depth in StructureScanner(level=level).marks(_unescaped(text), max_level=level):
        is_end = depth == level and (char == ord(",") if level else char in b"]}")
        if depth < level or found >= _SAMPLE_LINES:
            return
        if is_end:
            with suppress(JsonError):
                yield parse_value(text[done : at + (0 if level else 1)].strip(b", \t\r\n"))
            done, found = at + 1, found + 1


def _open_array(text: bytes, offset: int) -> FoundShape | None:
    """The outermost array of objects that the head leaves open, if its first value does so."""
    stack: list[tuple[int, int]] = []
    for at, char, level in StructureScanner().marks(_unescaped(text), max_level=_MAX_PATH):
        if level == 0 and char in b"]}":
            return None
        if char in b"[{" and len(stack) == level:
            stack.append((at, char))
        elif char in b"]}":
            del stack[level:]
    path = []
    for at, char in stack:
        key = _KEY.search(text, 0, at)
        if at and not key:
            return None
        if key:
            path.append(str(parse_value(b'"' + key[1] + b'"')))
        if char == ord("["):
            if text[at + 1 :].lstrip()[:1] != b"{":
                return None
            sample = tuple(_first_elements(text[at + 1 :]))
            around = parse_value(text[: at + 1] + b"]" + b"}" * len(path))
            fields = wrapper_fields(around)
            return FoundShape(Shape.ARRAY, offset + at + 1, tuple(path), sample, fields)
    return None


def _unescaped(text: bytes) -> bytes:
    return text.rstrip(b"\\")


def is_page(value: JsonValue) -> bool:
    """Whether a value is an envelope: lists of objects among paging fields."""
    if not isinstance(value, dict) or not value:
        return False
    lists = [key for key, item in value.items() if type(item) is list]
    if not lists:
        return False
    others = [key for key in value if key not in lists]
    return (
        any(_plain(key) in _PAGE_MARKS for key in others)
        and all(_is_object_list(value[key]) for key in lists)
        and all(_is_paging(key, value[key]) for key in others)
    )


def is_wrapper(value: JsonValue) -> bool:
    """Whether a file's only value wraps records instead of being one.

    It does if it is a page; if its values are all objects of one kind; or if lists of objects
    make up at least half of it and it has no id or text of its own. One that has is still too
    large to be a record if it has more than 64 KiB, nearly all of them in its lists; unless
    these are what people said, which belongs together.
    """
    if not isinstance(value, dict):
        return False
    if is_page(value) or is_map(value):
        return True
    lists = [items for _, items in _lists_in(value) if items]
    if not lists:
        return False
    size = len(orjson.dumps(value))
    share = sum(len(orjson.dumps(items)) for items in lists) / size
    if any(_is_own(key) for key, item in value.items() if isinstance(item, str | int)):
        is_spoken = any(is_turn(items[0]) for items in lists)
        return share >= _OVERWHELMING and size > _LARGE_RECORD_BYTES and not is_spoken
    return share >= _MAJORITY


def is_map(value: Mapping[str, JsonValue]) -> bool:
    """Whether an object maps keys to objects of one kind, as in ``{"id1": {…}, "id2": {…}}``."""
    objects = [item for item in value.values() if isinstance(item, dict) and item]
    if len(objects) < _SMALLEST_MAP or len(objects) < len(value):
        return False
    first = objects[0].keys()
    return all(2 * len(first & item.keys()) > len(first | item.keys()) for item in objects)


def parts_of(value: Mapping[str, JsonValue]) -> Iterator[Part]:
    """What a wrapper holds beside its paging fields: records, and other values by their key."""
    if is_map(value):
        yield from (Part("", {KEY: key} | item) for key, item in value.items())
        return
    for path, items in _lists_in(value):
        yield from (Part(path, item) for item in items)
    for key, item in value.items():
        is_list = _is_object_list(item)
        is_envelope = key.lower() in _ENVELOPES and isinstance(item, dict) and is_wrapper(item)
        if is_list or is_envelope or _is_paging(key, item):
            continue
        is_text = isinstance(item, str) and len(item) > _LONG_TEXT_CHARS
        if is_text or (isinstance(item, dict | list) and item):
            yield Part("", {key: item})


def wrapper_fields(value: JsonValue) -> dict[str, JsonValue]:
    """The scalars around the records, for the file's metadata."""
    if not is_wrapper(value) or is_map(value):
        return {}
    return {
        key: item
        for key, item in value.items()
        if not isinstance(item, list) and (_is_paging(key, item) or not isinstance(item, dict))
    }


def _lists_in(value: Mapping[str, JsonValue]) -> Iterator[tuple[str, list[JsonValue]]]:
    for key, item in value.items():
        if _is_object_list(item):
            yield key, item
        elif key.lower() in _ENVELOPES and isinstance(item, dict) and is_wrapper(item):
            yield from ((f"{key}.{inner}", items) for inner, items in _lists_in(item))


def _is_object_list(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_paging(key: str, value: JsonValue) -> bool:
    if _plain(key) not in _PAGING:
        return False
    scalars = value.values() if isinstance(value, dict) else (value,)
    return not any(isinstance(item, dict | list) for item in scalars)


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _is_own(key: str) -> bool:
    return not _is_paging(key, "") and bool(_OWN.search(_CAMEL.sub("_", key).lower()))
