"""Parsing one JSON value exactly: no rounded ids, no characters that a store refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import orjson

from domain.models.records import JsonValue
from domain.parsers.encodings import line_decoder
from domain.parsers.readable import clean_value

MAX_DEPTH = 100

_SPACED = bytes.maketrans(b"123456789:[,\t\r\n-", b"000000000" + b" " * 7)
_LONG_INTEGER = b" " + b"0" * 19
"""How an integer of 19 digits or more begins, all digits made 0 and what may precede it a blank."""
_ESCAPED_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


class JsonError(ValueError):
    """The bytes are no JSON value; the message says why, in lower case."""


def value_parser(encoding: str) -> Callable[[bytes], JsonValue]:
    """Parses values of a text in ``encoding``; see ``parse_value``."""
    if encoding == "utf-8":
        return parse_value
    decode = line_decoder(encoding)
    return lambda raw: parse_value(decode(raw).encode("utf-8", "surrogatepass"))


def parse_value(raw: bytes) -> JsonValue:
    """The value; integers beyond 64 bits become their digits, the last of equal keys wins.

    Raises:
        JsonError: not JSON, or nested deeper than 100 levels.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        value = _parse_slowly(raw, error)
    else:
        if _LONG_INTEGER in raw.translate(_SPACED) or raw[:19].isdigit():
            value = _parse_slowly(raw, None)
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    has_unstorable = b"\\u" in raw and _ESCAPED_UNSTORABLE.search(raw)
    return clean_value(value) if has_unstorable else value


def _parse_slowly(raw: bytes, why: orjson.JSONDecodeError | None) -> JsonValue:
    """By the standard library, which can keep digits and read lone surrogates."""
    text = line_decoder("utf-8")(raw)
    try:
        return json.loads(
            text, parse_int=_exact_integer, parse_float=_finite, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise JsonError(_reason(why or error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError) or "depth limit" in str(error):
        return f"it is nested deeper than {MAX_DEPTH} levels"
    return f"it is no JSON: {str(error).split(': line ')[0]}"


def _exact_integer(digits: str) -> int | str:
    if len(digits) > 20:
        return digits
    number = int(digits)
    return number if _SMALLEST <= number <= _LARGEST else digits


def _finite(digits: str) -> float | str:
    number = float(digits)
    return digits if number in (float("inf"), float("-inf")) else number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _check_depth(value: JsonValue) -> None:
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return
    raise JsonError(f"it is nested deeper than {MAX_DEPTH} levels")
