"""Made-up small files, as many as wanted; each has records of its own and none of any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle

from benchmarks.imports import csv_of
from benchmarks.texts import TextMaker

MESSAGES, ROWS = 20, 5
CHANNELS, PEOPLE = 50, 40
KINDS = ("slack", "csv", "slack", "json")
MIX = f"every other one a Slack day of {MESSAGES} messages, the others {ROWS} rows of CSV or JSON"
_FIRST_DAY = datetime(2020, 1, 1, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SmallFile:
    """``records`` is how many its ledger has to call indexed."""

    name: str
    content: bytes
    records: int


def small_files(seed: str) -> Iterator[SmallFile]:
    """Of the ``KINDS`` in turn, without end."""
    maker = TextMaker(seed)
    for number, kind in zip(count(), cycle(KINDS)):
        yield _MAKERS[kind](number, maker)


def slack_day(number: int, maker: TextMaker) -> SmallFile:
    """A day of one of ``CHANNELS`` channels as a Slack export has it, in its channel's folder."""
    day, channel = divmod(number, CHANNELS)
    morning = _FIRST_DAY + timedelta(days=day)
    messages = [
        {
            "type": "message",
            "user": f"U{(number + place * 7) % PEOPLE:08d}",
            "text": maker.message(),
            "ts": f"{int(morning.timestamp()) + place * 600}.{number % 1_000_000:06d}",
        }
        for place in range(MESSAGES)
    ]
    name = f"channel-{channel:02d}/{morning:%Y-%m-%d}.json"
    return SmallFile(name, json.dumps(messages).encode(), MESSAGES)


def csv_rows(number: int, maker: TextMaker) -> SmallFile:
    content = csv_of([maker.message() for _ in range(ROWS)], first=number * ROWS)
    return SmallFile(f"notes-{number}.csv", content, ROWS)


def json_lines(number: int, maker: TextMaker) -> SmallFile:
    rows = (
        {"id": f"line-{number}-{row}", "title": f"Line {row}", "text": maker.message()}
        for row in range(ROWS)
    )
    content = "\n".join(json.dumps(row) for row in rows).encode()
    return SmallFile(f"lines-{number}.ndjson", content, ROWS)


_MAKERS = {"slack": slack_day, "csv": csv_rows, "json": json_lines}
