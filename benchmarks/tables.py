"""Made-up exports of a CRM and of Slack, of any size, for measuring how fast they are read."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.texts import TextMaker

POOL = 2_000
"""So many different texts; rows differ by their numbers beside."""

_BLOCK_ROWS = 1_000
_STAGES = ("Prospecting", "Qualification", "Proposal", "Negotiation", "Closed Won")
_CITIES = ("Lisbon", "Zürich", "São Paulo", "Oslo", "Nairobi", "Osaka")

_PLAIN_COLUMNS = (
    *("number", "name", "account_number", "account", "stage", "amount", "chance", "closed"),
    *("close_date", "created", "owner_number", "owner_email", "city", "next_step", "website"),
    "description",
)


def crm_rows() -> Iterator[dict[str, Any]]:
    """Rows of 16 columns and about 520 bytes without end; the description has line breaks.

    They name their columns as no known system does.
    """
    for row in salesforce_rows():
        yield dict(zip(_PLAIN_COLUMNS, row.values(), strict=True))


def salesforce_rows() -> Iterator[dict[str, Any]]:
    """The same as a Salesforce export of opportunities."""
    maker = TextMaker("crm")
    texts = [maker.text() for _ in range(POOL)]
    for number in count():
        text = texts[number % POOL]
        half = text.find(". ") + 1
        day = f"2025-{1 + number % 12:02d}-{1 + number % 28:02d}"
        yield {
            "Id": f"006{number:012d}AAA",
            "Name": f"{text[:24].strip()} {number}",
            "AccountId": f"001{number // 7:012d}AAA",
            "AccountName": text[30:52].strip(),
            "StageName": _STAGES[number % len(_STAGES)],
            "Amount": 1_000 + number % 90_000,
            "Probability": number % 100 / 100,
            "IsClosed": number % 5 == 4,
            "CloseDate": day,
            "CreatedDate": f"{day}T{number % 24:02d}:{number % 60:02d}:07.000+0000",
            "OwnerId": f"005{number % 40:012d}AAA",
            "OwnerEmail": f"owner{number % 40}@example.com",
            "City": _CITIES[number % len(_CITIES)],
            "NextStep": "" if number % 3 else 'Call back, then "close"',
            "Website": f"https://example.com/{number % 1_000}",
            "Description": f"{text[:half]}\n{text[half:].strip()}" if half else text,
        }


def narrow_rows() -> Iterator[dict[str, Any]]:
    """Rows of 4 columns and about 50 bytes."""
    for row in crm_rows():
        yield {key: row[key] for key in ("number", "amount", "closed", "close_date")}


def write_csv(file: BinaryIO, rows: Iterator[Mapping[str, Any]], *, size: int) -> int:
    """At least ``size`` bytes of rows; how many rows that are."""
    first = next(rows)
    header = io.StringIO(newline="")
    csv.writer(header).writerow(first)
    file.write(header.getvalue().encode())

    def block(rows: list[Mapping[str, Any]]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(row.values() for row in rows)
        return text.getvalue()

    return _write_blocks(file, rows, block, size)


def write_ndjson(file: BinaryIO, rows: Iterator[Mapping[str, Any]], *, size: int) -> int:
    return _write_blocks(file, rows, lambda block: "".join(_dumps(r) + "\n" for r in block), size)


def write_array(file: BinaryIO, rows: Iterator[Mapping[str, Any]], *, size: int) -> int:
    """A JSON array with an element a line."""
    file.write(b"[" + _dumps(next(rows)).encode())
    number = _write_blocks(
        file, rows, lambda block: "".join(",\n" + _dumps(r) for r in block), size
    )
    file.write(b"]\n")
    return number + 1


def write_slack(file: BinaryIO, *, size: int) -> int:
    """An export of one channel, about 200 messages a day; how many messages that are."""
    maker = TextMaker("slack")
    texts = [maker.text() for _ in range(POOL)]
    written = messages = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("users.json", json.dumps([_slack_user(n) for n in range(40)]))
        archive.writestr("channels.json", '[{"id": "C1", "name": "general", "members": []}]')
        for day in count():
            block = [_slack_message(texts, day * 200 + n) for n in range(200)]
            content = json.dumps(block, indent=4)
            name = f"general/{2000 + day // 336}-{1 + day // 28 % 12:02d}-{1 + day % 28:02d}.json"
            archive.writestr(name, content)
            written += len(content)
            messages += len(block)
            if written >= size:
                return messages
    raise AssertionError("days do not end")


def write_file(path: Path, write: Callable[[BinaryIO], int]) -> int:
    with path.open("wb") as file:
        return write(file)


def _write_blocks(
    file: BinaryIO,
    rows: Iterator[Mapping[str, Any]],
    block: Callable[[list[Mapping[str, Any]]], str],
    size: int,
) -> int:
    number = 0
    while file.tell() < size:
        taken = [next(rows) for _ in range(_BLOCK_ROWS)]
        file.write(block(taken).encode())
        number += len(taken)
    return number


def _dumps(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _slack_user(number: int) -> dict[str, Any]:
    return {"id": f"U{number}", "name": f"user{number}", "profile": {"display_name": f"p{number}"}}


def _slack_message(texts: list[str], number: int) -> dict[str, Any]:
    user = number % 40
    return {
        "client_msg_id": f"{number:032x}",
        "type": "message",
        "user": f"U{user}",
        "text": f"<@U{number % 7}> {texts[number % POOL]}",
        "ts": f"{946_684_800 + number * 432}.{number % 1_000_000:06d}",
        "team": "T1",
        "user_profile": {"display_name": f"p{user}", "real_name": f"Person {user}", "team": "T1"},
        "reactions": [{"name": "thumbsup", "users": [f"U{(user + 1) % 40}"], "count": 1}],
    }
