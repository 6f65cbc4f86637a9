"""Dates in the words that people use in a query, as the spans of time that they mean.

``last week`` is seven days, ``March 2026`` a month, ``yesterday`` a day: so that *before* it,
*after* it and *in* it are all well defined. Whatever could mean two things means nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MAX_WORDS = 4
"""No date is written in more words."""

EXAMPLES = "2026-03-31, today, yesterday, last week, March 2026, Q1 2026 or '3 days ago'"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"day": 1, "week": 7}
_MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
_MONTH = rf"(?P<month>{'|'.join((*_MONTH_NAMES, *_MONTHS, 'sept'))})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start``, inclusive, to ``end``, exclusive; a moment where both are the same."""

    start: datetime
    end: datetime

    @property
    def is_moment(self) -> bool:
        return self.start == self.end


def period_of(text: str, *, now: datetime, zone: tzinfo = UTC) -> Period | None:
    """What ``text`` means at the moment ``now`` in the asker's time zone; aware UTC times.

    ``None`` if it is no date. Weeks begin on Monday. A month or day without a year is the latest
    that has begun, ``monday`` the latest before today. Of dates in numbers those are read that
    can be read in one way only: 2026-03-31, 2026/03/31 and 31.03.2026.
    """
    words = " ".join(text.casefold().replace(",", " ").split())
    try:
        if moment := _moment(text.strip(), zone):
            return Period(moment, moment)
        today = now.astimezone(zone).date()
        for pattern, read in _FORMS:
            if found := pattern.fullmatch(words):
                return _read(found, read, today, now, zone)
    except (ValueError, OverflowError):
        return None
    return None


Days = tuple[date, date]
"""The first day, and the one after the last."""


def _read(
    found: re.Match[str],
    read: Callable[[re.Match[str], date], Days | None],
    today: date,
    now: datetime,
    zone: tzinfo,
) -> Period | None:
    if found.groupdict().get("short"):
        moment = now - timedelta(**{f"{found['short']}s": int(found["count"])})
        return Period(moment, moment)
    days = read(found, today)
    return Period(*(_midnight(day, zone) for day in days)) if days else None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _moment(text: str, zone: tzinfo) -> datetime | None:
    """An ISO date with a time of day; without an offset it is the asker's."""
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text, re.IGNORECASE):
        return None
    moment = datetime.fromisoformat(text.upper())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _numbers(found: re.Match[str], today: date) -> Days:
    parts = found.groupdict()
    if parts.get("day"):
        return _one(date(int(parts["year"]), int(parts["month"]), int(parts["day"])))
    return _months(date(int(parts["year"]), int(parts.get("month") or 1), 1), _length(parts))


def _length(parts: dict[str, str | None]) -> int:
    return 1 if parts.get("month") else 12


def _named_day(found: re.Match[str], today: date) -> Days:
    return _one(today + timedelta({"yesterday": -1, "today": 0, "tomorrow": 1}[found[0]]))


def _weekday(found: re.Match[str], today: date) -> Days:
    back = (today.weekday() - _WEEKDAYS.index(found["weekday"])) % 7
    return _one(today - timedelta(back or 7))


def _unit(found: re.Match[str], today: date) -> Days:
    step = {"this": 0, "last": -1, "previous": -1, "next": 1}[found["which"]]
    unit = found["unit"]
    if unit == "week":
        monday = today - timedelta(today.weekday() - 7 * step)
        return monday, monday + timedelta(7)
    length = _MONTHS_OF[unit]
    first = today.replace(day=1)
    begun = _moved(first, -((first.month - 1) % length))
    return _months(_moved(begun, step * length), length)


def _ago(found: re.Match[str], today: date) -> Days:
    count, unit = int(found["count"]), found["unit"]
    if unit in _UNITS:
        return _one(today - timedelta(count * _UNITS[unit]))
    first = _moved(today.replace(day=1), -count * _MONTHS_OF[unit])
    last_day = (_moved(first, 1) - timedelta(1)).day
    return _one(first.replace(day=min(today.day, last_day)))


def _last_few(found: re.Match[str], today: date) -> Days:
    first, _ = _ago(found, today)
    return first, today + timedelta(1)


def _month_name(found: re.Match[str], today: date) -> Days:
    month, parts = _month_number(found["month"]), found.groupdict()
    year = int(parts["year"]) if parts.get("year") else None
    if parts.get("day"):
        day = int(parts["day"] or 0)
        in_this = date(year or today.year, month, day)
        return _one(in_this if year or in_this <= today else date(today.year - 1, month, day))
    first = date(year or today.year, month, 1)
    return _months(first if year or first <= today else first.replace(year=today.year - 1), 1)


def _quarter(found: re.Match[str], today: date) -> Days:
    first = date(int(found["year"] or today.year), 3 * int(found["quarter"]) - 2, 1)
    is_ahead = not found["year"] and first > today
    return _months(first.replace(year=first.year - 1) if is_ahead else first, 3)


def _month_number(name: str) -> int:
    return _MONTHS.index(name[:3]) + 1


def _one(day: date) -> Days:
    return day, day + timedelta(1)


def _months(first: date, count: int) -> Days:
    return first, _moved(first, count)


def _moved(first: date, months: int) -> date:
    """The first of a month, ``months`` later."""
    total = first.year * 12 + first.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], Days | None]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"{_YEAR}([-/])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}})", _numbers),
        (rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.{_YEAR}", _numbers),
        (rf"{_YEAR}(?:-(?P<month>\d{{2}}))?", _numbers),
        (r"today|yesterday|tomorrow", _named_day),
        (rf"(?:last )?(?P<weekday>{'|'.join(_WEEKDAYS)})", _weekday),
        (r"(?P<which>this|last|previous|next) (?P<unit>week|month|quarter|year)", _unit),
        (r"(?P<count>\d{1,4}) (?P<short>hour|minute)s? ago", _ago),
        (r"(?P<count>\d{1,4}) (?P<unit>day|week|month|year)s? ago", _ago),
        (r"(?:last|past) (?P<count>\d{1,4}) (?P<unit>day|week|month|year)s?", _last_few),
        (rf"{_MONTH}(?: {_YEAR})?", _month_name),
        (rf"{_DAY} {_MONTH}(?: {_YEAR})?", _month_name),
        (rf"{_MONTH} {_DAY}(?: {_YEAR})?", _month_name),
        (rf"q(?P<quarter>[1-4])(?: {_YEAR})?", _quarter),
    )
)
