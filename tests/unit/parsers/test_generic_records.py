"""How a record of columns finds its text, title, time, link and id."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from domain.errors import UnreadableFileError
from domain.models.records import RejectedItem
from domain.parsers.csv import CsvParser
from domain.parsers.json import JsonParser
from domain.parsers.timestamps import parse_timestamp
from tests.builders import described, items_in, records_in

CSV, JSON = CsvParser(), JsonParser()
MAILS = (
    b"email_id,from,subject,sent_datetime,body,link\n"
    b"01,ann@x.org,Renewal,2024-01-02 03:04:05,We should talk about it,https://x.org/1\n"
    b"02,bo@x.org,Pricing,2024-01-03 03:04:05,The price is far too high,https://x.org/2\n"
)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2024-07-24T14:05:58.000+0000", "2024-07-24 14:05:58+00:00"),
        ("2024-07-24T14:05:58.000Z", "2024-07-24 14:05:58+00:00"),
        ("2024-07-24T14:05:58+02:00", "2024-07-24 12:05:58+00:00"),
        ("2024-07-24 14:05:58", "2024-07-24 14:05:58+00:00"),
        ("2024-07-24", "2024-07-24 00:00:00+00:00"),
        (1721829958, "2024-07-24 14:05:58+00:00"),
        (1721829958000, "2024-07-24 14:05:58+00:00"),
        ("1721829958.000002", "2024-07-24 14:05:58.000002+00:00"),
        ("Wed, 24 Jul 2024 16:05:58 +0200", "2024-07-24 14:05:58+00:00"),
        ("7/24/2024 2:05 PM", "2024-07-24 14:05:00+00:00"),
        ("24/7/2024", "2024-07-24 00:00:00+00:00"),
    ],
)
def test_a_moment_is_read_however_it_is_written(value: object, moment: str) -> None:
    assert str(parse_timestamp(value)) == moment


@pytest.mark.parametrize("value", ["soon", "12", 12, True, None, "2024-13-45", "9" * 17, [], 1e300])
def test_what_is_no_moment_is_none(value: object) -> None:
    assert parse_timestamp(value) is None


def test_columns_are_chosen_by_name_and_the_choice_is_shown() -> None:
    rules = described(CSV, MAILS)["column_rules"]
    assert {
        role: rules[role] for role in ("text", "title", "timestamp", "url", "author", "id")
    } == {
        "text": ["body"],
        "title": "subject",
        "timestamp": "sent_datetime",
        "url": "link",
        "author": "from",
        "id": "email_id",
    }
    assert rules["reasons"]["text"] == "by its name"


def test_the_chosen_columns_fill_the_record() -> None:
    record = records_in(CSV, MAILS)[0]
    assert record.content.startswith("We should talk about it\n\nemail_id: 01\n")
    assert (record.title, record.author, record.url) == ("Renewal", "ann@x.org", "https://x.org/1")
    assert record.timestamp == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert record.metadata["source_id"] == "01"


def test_long_prose_is_text_whatever_its_column_is_called() -> None:
    prose = "the customer wrote a very long letter about everything that went wrong " * 3
    rules = described(CSV, f"k,blah\n1,{prose}\n2,{prose}\n".encode())["column_rules"]
    assert (rules["text"], rules["reasons"]["text"]) == (["blah"], "by its values")


def test_options_override_the_rules() -> None:
    record = records_in(CSV, MAILS, title_column="from", text_columns=("subject",))[0]
    assert (record.title, record.content.split("\n")[0]) == ("ann@x.org", "Renewal")


def test_an_option_that_names_no_column_is_refused_with_the_columns() -> None:
    with pytest.raises(UnreadableFileError, match="the columns are: email_id, from"):
        described(CSV, MAILS, id_column="nope")


def test_an_id_column_makes_identity_within_the_file_name() -> None:
    records = records_in(CSV, MAILS, filename="mails.csv", id_column="email_id")
    assert [record.native_id for record in records] == ["mails.csv:01", "mails.csv:02"]


def test_a_long_value_is_cut_in_metadata_but_not_in_the_content() -> None:
    content = orjson.dumps([{"a": "x" * 5000, "b": 1}])
    (record,) = records_in(JSON, content)
    assert (len(record.metadata["a"]), record.metadata["_truncated"]) == (2000, ["a"])
    assert "x" * 5000 in record.content


def test_a_record_beyond_a_million_characters_is_rejected() -> None:
    (item,) = items_in(JSON, orjson.dumps([{"a": "x" * 1_000_001}]))
    assert isinstance(item, RejectedItem)
    assert "1,000,004 characters" in item.error
