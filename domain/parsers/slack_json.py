"""The JSON arrays in a Slack export: their elements, with the bytes that each stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import ijson
import orjson

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.slack_fields import JsonObject
from domain.parsers.zip_reading import ArchiveEntry, SafeZip

WHOLE_FILE_BYTES = 64 * 1024**2
"""Larger files are parsed as a stream: slower, but in bounded memory."""

_BOM = b"\xef\xbb\xbf"
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

Element = tuple[JsonValue, int, int]
"""An array's element, and its share of the file's bytes; the shares add up to the file."""


def parse_objects(archive: SafeZip, entry: ArchiveEntry) -> Iterator[JsonObject]:
    """The objects in an entry's array.

    Raises:
        UnreadableFileError: the entry is damaged, is no JSON, or no array.
    """
    return (
        element for element, _, _ in parse_elements(archive, entry) if isinstance(element, dict)
    )


def parse_elements(archive: SafeZip, entry: ArchiveEntry) -> Iterator[Element]:
    """Every element of an entry's array, in order; raises as ``parse_objects`` does."""
    if entry.size_bytes > WHOLE_FILE_BYTES:
        return _streamed_elements(archive.open(entry), entry)
    return _spread_elements(array_of(archive.read(entry)), entry.size_bytes)


def _spread_elements(elements: list[JsonValue], size: int) -> Iterator[Element]:
    count = len(elements)
    for number, element in enumerate(elements):
        yield element, number * size // count, (number + 1) * size // count


def array_of(content: bytes) -> list[JsonValue]:
    """The elements of a whole JSON array.

    Raises:
        UnreadableFileError: no JSON, or no array.
    """
    parsed = parse_value(content)
    if not isinstance(parsed, list):
        raise UnreadableFileError("the file is no JSON array; export it again")
    return parsed


def parse_value(content: bytes) -> JsonValue:
    """One JSON value.

    Raises:
        UnreadableFileError: no JSON.
    """
    content = _without_nul(content.removeprefix(_BOM))
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return _parse_leniently(content, error)


def _parse_leniently(content: bytes, strict_error: ValueError) -> JsonValue:
    """Parse what is JSON but for characters cut in half or written raw; those are replaced."""
    try:
        lenient = json.loads(content.decode("utf-8", "replace"), strict=False)
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise UnreadableFileError(
            f"the file is no valid JSON ({strict_error}); export it again"
        ) from strict_error


def _streamed_elements(stream: BinaryIO, entry: ArchiveEntry) -> Iterator[Element]:
    counted = _CountingReader(stream)
    elements = ijson.items(counted, "item", use_float=True)
    start = 0
    try:
        held = next(elements, None)
        for following in elements:
            yield _cleaned(held), start, counted.count
            held, start = following, counted.count
        if held is not None:
            yield _cleaned(held), start, entry.size_bytes
    except (ijson.JSONError, ValueError) as error:
        raise UnreadableFileError(
            f"the file is no valid JSON ({error}); export it again"
        ) from error


class _CountingReader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.count += len(content)
        return content


def _cleaned(element: JsonValue) -> JsonValue:
    try:
        return orjson.loads(_without_nul(orjson.dumps(element)))
    except orjson.JSONEncodeError:  # Deeper than what orjson writes; no message is.
        return None


def _without_nul(content: bytes) -> bytes:
    """NUL, which no database takes as text, becomes U+FFFD."""
    if b"\\u0000" not in content:
        return content
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", content)
