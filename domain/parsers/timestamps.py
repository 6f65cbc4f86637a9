"""Reading the many ways in which sources write a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from domain.models.records import JsonValue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_SECONDS = 100_000_000
_LATEST_SECONDS = 10_000_000_000
_MILLISECONDS_FROM = 100_000_000_000
_MICROSECONDS_FROM = 100_000_000_000_000
_DATE_CHARS = len("2026-01-31")
_MIDNIGHT = "T00:00:00+00:00"
_NUMBER = re.compile(r"\d{9,16}(\.\d+)?\Z")
_LOOKS_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOOKS_MAIL = re.compile(r"([A-Za-z]{3},\s*)?\d{1,2}\s[A-Za-z]{3}\s\d{4}\s\d{1,2}:\d{2}")
_SLASHED = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?)?\Z"
)


def parse_timestamp(value: JsonValue) -> datetime | None:
    """The aware UTC moment that a value names, or ``None``; a moment without a zone is UTC.

    Reads ISO 8601 (Salesforce's ``+0000`` too), epoch seconds, milliseconds and microseconds,
    Slack's ``1392734382.000002``, mail dates, and ``7/24/2024 2:05 PM`` (month first, unless only
    day first is possible).
    """
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value)
    return None


def _from_text(text: str) -> datetime | None:
    if _LOOKS_ISO.match(text):
        return _from_iso(text)
    if _NUMBER.match(text):
        return _from_number(float(text) if "." in text else int(text))
    if _LOOKS_MAIL.match(text):
        return _from_mail(text)
    slashed = _SLASHED.match(text)
    return _from_slashed(slashed) if slashed else None


def _from_iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text + _MIDNIGHT if len(text) == _DATE_CHARS else text)
        if moment.tzinfo is None:
            # To read it again with its zone takes less time than to put the zone in.
            return datetime.fromisoformat(text + "+00:00")
    except ValueError:
        return None
    return _aware(moment)


def _from_number(number: float) -> datetime | None:
    unit = 1
    if number >= _MICROSECONDS_FROM:
        unit = 1_000_000
    elif number >= _MILLISECONDS_FROM:
        unit = 1000
    if not _EARLIEST_SECONDS <= number / unit < _LATEST_SECONDS:
        return None
    return _EPOCH + timedelta(microseconds=number * (1_000_000 // unit))


def _from_mail(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _from_slashed(found: re.Match[str]) -> datetime | None:
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    month, day = (second, first) if first > 12 else (first, second)
    hour = int(found[4] or 0)
    if found[7]:
        hour = hour % 12 + (12 if found[7].lower() == "pm" else 0)
    try:
        return datetime(year, month, day, hour, int(found[5] or 0), int(found[6] or 0), tzinfo=UTC)
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime | None:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None
