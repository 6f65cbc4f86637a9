"""Tables at their limits: rows without end, too large rows, and what cannot be cut."""

from __future__ import annotations

import io
from types import ModuleType

import pytest

import domain.parsers.csv as csv_parsing
import domain.parsers.csv_borders as csv_borders
import domain.parsers.csv_rows as csv_rows
import domain.parsers.encodings as encodings
from domain.errors import UnreadableFileError
from domain.models.records import Record, RejectedItem
from domain.parsers.csv import CsvParser
from domain.parsers.dialects import Dialect
from tests.builders import items_in, parse_context

PARSER = CsvParser()
HEAD = b"a,b\n1,x\n"


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of at most 64 bytes, read in blocks of 16."""
    for module in (csv_parsing, csv_rows, csv_borders):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 64)
    monkeypatch.setattr(encodings, "BLOCK_BYTES", 16)
    monkeypatch.setattr(csv_borders, "BLOCK_BYTES", 16)


def kinds_in(content: bytes, slice_bytes: int = 10_000) -> list[type]:
    return [type(item) for item in items_in(PARSER, content, slice_bytes=slice_bytes)]


def parts_of(content: bytes, slice_bytes: int) -> int:
    file = io.BytesIO(content)
    return len(list(PARSER.plan(file, parse_context(content), slice_bytes=slice_bytes)))


@pytest.mark.usefixtures("small_limits")
def test_a_line_longer_than_a_record_may_be_is_one_rejected_item() -> None:
    items = items_in(PARSER, HEAD + b"2," + b"y" * 200 + b"\n3,z\n")
    assert [type(item) for item in items] == [Record, RejectedItem, Record]
    assert items[1].place.end - items[1].place.start == 203


@pytest.mark.usefixtures("small_limits")
def test_a_last_line_longer_than_a_record_may_be_is_one_rejected_item() -> None:
    assert kinds_in(HEAD + b"2," + b"y" * 200) == [Record, RejectedItem]


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("slice_bytes", [10, 10_000])
def test_lines_longer_than_a_record_may_be_do_not_stop_the_cutting(slice_bytes: int) -> None:
    content = HEAD + (b"2," + b"y" * 200 + b"\n3,z\n") * 3
    assert kinds_in(content, slice_bytes) == [Record, *[RejectedItem, Record] * 3]


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("slice_bytes", [10, 10_000])
def test_a_quote_that_closes_too_late_costs_the_lines_within(slice_bytes: int) -> None:
    items = kinds_in(HEAD + b'2,"y\n' + b"4,u\n" * 30 + b'5,v"\n', slice_bytes)
    assert items == [Record, RejectedItem, *[Record] * 31]


def test_a_row_of_more_than_the_limit_is_given_up_within_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_rows, "MAX_RECORD_BYTES", 64)
    assert kinds_in(HEAD + b'2,"' + b"y\n" * 40 + b'"\n3,z\n')[:2] == [Record, RejectedItem]


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("module", [csv_rows, csv_borders], ids=["reading", "planning"])
def test_quotes_unbalanced_all_over_refuse_the_file(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESCAN_BUDGET_BYTES", 200)
    with pytest.raises(UnreadableFileError, match="unbalanced"):
        items_in(PARSER, HEAD + (b'2,"y\n' + b"4,u\n" * 40) * 20)


def test_a_row_of_a_million_characters_is_rejected_with_its_first_bytes() -> None:
    [_, rejected] = items_in(PARSER, HEAD + b"2," + b"y" * 1_000_001 + b"\n")
    assert isinstance(rejected, RejectedItem)
    assert rejected.raw.startswith(b"2,yyy")


def test_a_charset_whose_characters_may_hold_the_delimiter_is_not_cut() -> None:
    content = ("a|b\n" + "ソ|表\n" * 200).encode("shift_jis")
    assert parts_of(content, 100) == 1


def test_an_escape_after_a_closing_quote_ends_the_cutting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv_borders, "BLOCK_BYTES", 64)
    regular = rb'"x\"y",1' + b"\n"
    content = b"a,b\n" + regular * 20 + rb'"z"\\' + b"\n" + regular * 20
    assert 2 <= parts_of(content, 20) < parts_of(b"a,b\n" + regular * 41, 20)
    assert items_in(PARSER, content, slice_bytes=20) == items_in(PARSER, content)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(b'1,"a\\\nb"\n', id="in-quotes"),
        pytest.param(b'1,a\\\n"b\n', id="before-a-quote"),
        pytest.param(b'1,\\"a\n', id="a-quote-that-opens-nothing"),
    ],
)
def test_escaped_line_ends_and_quotes_are_no_borders(
    row: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b'a,"b\\""\n' + row * 20
    whole = items_in(PARSER, content)
    monkeypatch.setattr(csv_borders, "BLOCK_BYTES", 4)
    assert items_in(PARSER, content, slice_bytes=5) == whole


@pytest.mark.parametrize("slice_bytes", [20, 10_000])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be"])
@pytest.mark.usefixtures("small_limits")
def test_characters_that_share_bytes_with_line_ends_are_none(
    encoding: str, slice_bytes: int
) -> None:
    row = "\u0a0d\u0100,\u0d0a\u0a00\n"
    too_long = "\u0a0d\u0100" * 40 + "\n"
    content = ("\ufeffa,b\n" + (row * 3 + too_long) * 3).encode(encoding)
    assert kinds_in(content, slice_bytes) == [*[Record] * 3, RejectedItem] * 3


def test_a_table_without_quotes_is_cut() -> None:
    file = io.BytesIO(b"1|x\n" * 10)
    scanner = csv_borders.BorderScanner(file, Dialect("|", None), "utf-8", start=0, newline="\n")
    assert list(scanner.cuts(8, 8)) == [8, 16, 24, 32]
