"""Delimited text, in all the ways in which it is written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.parsers.csv_borders as csv_borders
import domain.parsers.csv_rows as csv_rows
import domain.parsers.encodings as encodings
from domain.errors import UnreadableFileError
from domain.models.records import ContentType, DroppedItem, Record, RejectedItem
from domain.parsers.csv import CsvParser
from tests.builders import described, items_in, parse_context, records_in

SOME = settings(deadline=None, max_examples=50)
PARSER = CsvParser()


def rows_of(content: bytes, **context: object) -> list[dict[str, object]]:
    return [dict(record.metadata) for record in records_in(PARSER, content, **context)]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        pytest.param("a,b\n1,2\n3,4\n", ",", id="comma"),
        pytest.param("a;b\n1,5;2,5\n3,0;4,0\n", ";", id="semicolon-with-decimal-commas"),
        pytest.param("a\tb\nx, y\tz\nu\tv, w\n", "\t", id="tab-with-commas"),
        pytest.param("a|b\n1|2\n3|4\n", "|", id="pipe"),
        pytest.param("city:code\nparis:fr\nrome:it\n", ":", id="colon"),
        pytest.param("at,to\n12:30:00,x\n12:31:00,y\n", ",", id="comma-with-times"),
        pytest.param("a`b\n1`2\n3`4\n", "`", id="backtick"),
    ],
)
def test_the_delimiter_is_the_one_that_makes_a_regular_table(text: str, delimiter: str) -> None:
    assert described(PARSER, text.encode())["delimiter"] == delimiter


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('a,b\n1,"say ""hi"", ok"\n2,x\n', id="doubled"),
        pytest.param('a,b\n1,"say \\"hi\\", ok"\n2,x\n', id="escaped"),
        pytest.param("a,b\n1,'say \"hi\", ok'\n2,'x'\n", id="single"),
    ],
)
def test_quotes_are_read_as_they_are_written(text: str) -> None:
    assert rows_of(text.encode())[0] == {"a": "1", "b": 'say "hi", ok'}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "cp1252"]
)
def test_line_ends_and_encodings_do_not_change_the_rows(newline: str, encoding: str) -> None:
    text = newline.join(["name,note", "Zoë,café noir", 'Ann,"two\nlines, été"', ""])
    assert rows_of(text.encode(encoding)) == [
        {"name": "Zoë", "note": "café noir"},
        {"name": "Ann", "note": "two\nlines, été"},
    ]


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "cp1251"])
def test_legacy_charsets_are_recognised(encoding: str) -> None:
    cell = {"cp1251": "Москва и область"}.get(encoding, "東京都に住む" * 3)
    if encoding == "gb18030":
        cell = "北京市朝阳区的一个公司在这里"
    assert rows_of(f"id,note\n1,{cell}\n2,{cell}\n".encode(encoding))[0]["note"] == cell


def test_a_stray_byte_is_read_as_windows_latin() -> None:
    text = "id,note\n" + "".join(f"{n},Zoë\n" for n in range(50))
    rows = rows_of(text.encode() + b"50,caf\xe9\n")
    assert rows[-1]["note"] == "café"


def test_nul_characters_are_replaced() -> None:
    assert rows_of(b"a,b\n1,x\x00y\n")[0]["b"] == "x\ufffdy"


def test_spaces_after_delimiters_belong_to_no_cell() -> None:
    assert rows_of(b'a, b\n1, "x, y"\n2, z\n') == [{"a": "1", "b": "x, y"}, {"a": "2", "b": "z"}]


def test_spaces_around_every_cell_belong_to_the_cells() -> None:
    assert rows_of(b"a,b\n x , y \n z , w \n") == [
        {"a": " x ", "b": " y "},
        {"a": " z ", "b": " w "},
    ]


def test_a_table_without_header_gets_numbered_columns() -> None:
    assert rows_of(b"1,paris\n2,rome\n") == [
        {"column_1": "1", "column_2": "paris"},
        {"column_1": "2", "column_2": "rome"},
    ]


def test_blank_and_repeated_labels_are_made_unique() -> None:
    assert described(PARSER, b"id,,id,id\na,b,c,d\n")["columns"] == [
        "id",
        "column_2",
        "id_2",
        "id_3",
    ]


def test_extra_cells_are_kept_and_missing_ones_are_absent() -> None:
    assert rows_of(b"a,b\n1,2\n1,2,3,4\n1\n5,6\n7,8\n")[1:3] == [
        {"a": "1", "b": "2", "extra_1": "3", "extra_2": "4"},
        {"a": "1"},
    ]


def test_rows_above_the_table_and_blank_rows_are_dropped_by_name() -> None:
    items = items_in(PARSER, b"# made by hand\n\na,b,c\n1,2,3\n,,\n4,5,6\n")
    rules = [item.rule for item in items if isinstance(item, DroppedItem)]
    assert rules == ["preamble_row", "blank_row", "blank_row"]


def test_a_header_alone_is_no_record() -> None:
    assert items_in(PARSER, b"id,name\n") == []


@pytest.mark.parametrize("content", [b"", b" \n\n"], ids=["empty", "blank"])
def test_a_file_without_content_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFileError):
        described(PARSER, content)


def test_a_row_is_findable_by_every_value() -> None:
    (record,) = records_in(PARSER, b"Account,Industry,Amount\nAcme,Mining,125000.50\n")
    assert record.content == "Account: Acme\nIndustry: Mining\nAmount: 125000.50"
    assert record.content_type is ContentType.RECORD


def test_places_are_the_bytes_of_the_rows() -> None:
    content = 'a,b\r\n1,Zoë\r\n2,"x\r\ny"\r\n'.encode()
    places = [record.place for record in records_in(PARSER, content)]
    assert [content[place.start : place.end] for place in places] == [
        "1,Zoë\r\n".encode(),
        b'2,"x\r\ny"\r\n',
    ]


def test_rows_are_known_by_content_and_place() -> None:
    first = [r.native_id for r in records_in(PARSER, b"a,b\n1,2\n3,4\n")]
    other = [r.native_id for r in records_in(PARSER, b"a,b\n1,2\n3,5\n")]
    assert len({*first, *other}) == 4


def test_an_unclosed_quote_costs_one_row_only() -> None:
    items = items_in(PARSER, b'a,b\n1,"open\n2,x\n3,y\n')
    assert [type(item) for item in items] == [RejectedItem, Record, Record]
    assert items[0].raw == b'1,"open\n'


def test_an_unclosed_quote_does_not_swallow_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(csv_borders, "MAX_RECORD_BYTES", 100)
    content = b'a,b\n1,"open\n' + b"2,x\n" * 100
    whole = items_in(PARSER, content)
    assert [type(item) for item in whole] == [RejectedItem] + [Record] * 100
    assert items_in(PARSER, content, slice_bytes=16) == whole


CELLS = st.text(alphabet=st.sampled_from("ab \"\n\r,;'\\é"), max_size=8)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=30)


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252"]


@SOME
@given(
    table=TABLES,
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(ENCODINGS),
    slice_bytes=st.integers(1, 120),
)
def test_any_cutting_of_a_written_table_gives_the_same_items(
    table: list[list[str]], newline: str, encoding: str, slice_bytes: int
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=newline).writerows([["id", "note"], *table])
    content = text.getvalue().encode(encoding)
    assert items_in(PARSER, content, slice_bytes=slice_bytes) == items_in(PARSER, content)


@SOME
@given(table=TABLES, slice_bytes=st.integers(1, 120))
def test_any_cutting_of_a_table_with_escapes_gives_the_same_items(
    table: list[list[str]], slice_bytes: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, doublequote=False, escapechar="\\", lineterminator="\n")
    writer.writerows([["id", 'a "note"'], *table])
    content = text.getvalue().encode()
    assert items_in(PARSER, content, slice_bytes=slice_bytes) == items_in(PARSER, content)


@pytest.mark.parametrize("encoding", [*ENCODINGS, "shift_jis", "gb18030", "euc_kr"])
def test_a_large_file_is_cut_whatever_its_encoding(encoding: str) -> None:
    row = '"日本語の本文\n二行目",1\n' if encoding[:2] in ("ut", "sh", "gb") else '"añ\n",1\n'
    row = '"한국어 문장\n둘째 줄",1\n' if encoding == "euc_kr" else row
    content = ("text,number\n" + row * 100).encode(encoding)
    about = parse_context(content)
    parts = list(PARSER.plan(io.BytesIO(content), about, slice_bytes=len(content) // 10))
    assert 8 <= len(parts) <= 10
    assert items_in(PARSER, content, slice_bytes=100) == items_in(PARSER, content)


@SOME
@given(
    lines=st.lists(
        st.text(alphabet=st.sampled_from('a",\\ é'), max_size=8), min_size=1, max_size=40
    ),
    header=st.sampled_from(["id,note", '"i\\"d",note', "id, note"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-16-le"]),
    slice_bytes=st.integers(1, 60),
)
def test_any_cutting_of_broken_text_gives_the_same_items(
    lines: list[str], header: str, newline: str, encoding: str, slice_bytes: int
) -> None:
    content = newline.join([header, *lines]).encode(encoding)
    assert items_in(PARSER, content, slice_bytes=slice_bytes) == items_in(PARSER, content)


@SOME
@given(
    lines=st.lists(st.text(alphabet=st.sampled_from('a",\\ é\r'), max_size=8), max_size=40),
    header=st.sampled_from(["id,note", '"i\\"d",note']),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    block_bytes=st.sampled_from([4, 8, 20, 64]),
    slice_bytes=st.integers(1, 60),
)
def test_blocks_of_any_size_give_the_same_items(
    lines: list[str], header: str, encoding: str, block_bytes: int, slice_bytes: int
) -> None:
    content = "\n".join([header, *lines]).encode(encoding)
    whole = items_in(PARSER, content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(encodings, "BLOCK_BYTES", block_bytes)
        patched.setattr(csv_borders, "BLOCK_BYTES", block_bytes)
        assert items_in(PARSER, content, slice_bytes=slice_bytes) == whole


@SOME
@given(
    table=st.lists(
        st.lists(
            st.text(alphabet=st.sampled_from('ab "\n,é'), min_size=1, max_size=8).filter(
                lambda cell: not cell.isspace()
            ),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_was_written_is_read_back(table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["id", "note", "more"], *table])
    expected = [dict(zip(("id", "note", "more"), row, strict=True)) for row in table]
    found = [
        {k: row[k] for k in ("id", "note", "more")} for row in rows_of(text.getvalue().encode())
    ]
    assert found == expected
