from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.query_dates import Period, period_of

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "first", "past"),
    [
        ("2026-03-31", "2026-03-31", "2026-04-01"),
        ("2026/3/31", "2026-03-31", "2026-04-01"),
        ("31.03.2026", "2026-03-31", "2026-04-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2024", "2024-01-01", "2025-01-01"),
        ("Today", "2026-03-11", "2026-03-12"),
        ("yesterday", "2026-03-10", "2026-03-11"),
        ("tomorrow", "2026-03-12", "2026-03-13"),
        ("this week", "2026-03-09", "2026-03-16"),
        ("last week", "2026-03-02", "2026-03-09"),
        ("next week", "2026-03-16", "2026-03-23"),
        ("last month", "2026-02-01", "2026-03-01"),
        ("last quarter", "2025-10-01", "2026-01-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("wednesday", "2026-03-04", "2026-03-05"),
        ("last monday", "2026-03-09", "2026-03-10"),
        ("3 days ago", "2026-03-08", "2026-03-09"),
        ("2 weeks ago", "2026-02-25", "2026-02-26"),
        ("1 month ago", "2026-02-11", "2026-02-12"),
        ("last 7 days", "2026-03-04", "2026-03-12"),
        ("March 2025", "2025-03-01", "2025-04-01"),
        ("march", "2026-03-01", "2026-04-01"),
        ("december", "2025-12-01", "2026-01-01"),
        ("Sept. 2025", "2025-09-01", "2025-10-01"),
        ("5 March", "2026-03-05", "2026-03-06"),
        ("March 12", "2025-03-12", "2025-03-13"),
        ("March 5th, 2024", "2024-03-05", "2024-03-06"),
        ("Q1 2026", "2026-01-01", "2026-04-01"),
        ("q4", "2025-10-01", "2026-01-01"),
    ],
)
def test_words_mean_the_days_that_people_mean(text: str, first: str, past: str) -> None:
    assert period_of(text, now=NOW) == Period(day(first), day(past))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-31T09:30Z", "2026-03-31T09:30"),
        ("2026-03-31T09:30+02:00", "2026-03-31T07:30"),
        ("3 hours ago", "2026-03-11T09:00"),
    ],
)
def test_a_time_of_day_is_a_moment(text: str, moment: str) -> None:
    found = period_of(text, now=NOW)
    assert found == Period(day(moment), day(moment))
    assert found.is_moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "renewal",
        "3/4/2026",
        "2026-02-30",
        "31 feb",
        "99 minutes",
        "last",
        "9999 years ago",
        "12",
    ],
)
def test_what_is_no_date_or_could_be_two_is_none(text: str) -> None:
    assert period_of(text, now=NOW) is None


def test_the_last_day_of_a_month_stands_for_one_that_it_does_not_have() -> None:
    late = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert period_of("1 month ago", now=late) == Period(day("2026-02-28"), day("2026-03-01"))


def test_days_begin_at_midnight_where_the_asker_is() -> None:
    late = datetime(2026, 3, 11, 1, tzinfo=UTC)  # still the 10th in New York
    zone = ZoneInfo("America/New_York")
    found = period_of("yesterday", now=late, zone=zone)
    assert found == Period(day("2026-03-09T04:00"), day("2026-03-10T04:00"))
