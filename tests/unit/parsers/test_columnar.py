"""Parquet and Arrow files."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from domain.errors import UnreadableFileError
from domain.models.records import Record
from domain.parsers.columnar import ArrowParser, ParquetParser
from domain.parsers.streaming import StreamingParser
from domain.ports.parser import ArchiveLimits, ParseContext
from tests.builders import described, items_in, parse_context, records_in

PARQUET, ARROW = ParquetParser(), ArrowParser()
TABLE = pa.table({"id": range(10), "name": [f"n{n}" for n in range(10)]})


def parquet_of(table: pa.Table = TABLE, rows: int = 3) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=rows)
    return out.getvalue()


def arrow_of(table: pa.Table = TABLE, *, kind: str = "file", rows: int = 3) -> bytes:
    out = io.BytesIO()
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with new(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return out.getvalue()


FILES: list[Any] = [
    pytest.param(PARQUET, parquet_of(), id="parquet"),
    pytest.param(ARROW, arrow_of(), id="arrow-file"),
    pytest.param(ARROW, arrow_of(kind="stream"), id="arrow-stream"),
]


@pytest.mark.parametrize(("parser", "content"), FILES)
def test_every_row_is_a_record_by_the_rules_of_csv(parser: StreamingParser, content: bytes) -> None:
    records = records_in(parser, content)
    assert [record.metadata["id"] for record in records] == list(range(10))
    assert (records[3].content, records[3].title) == ("id: 3\nname: n3", "n3")


@pytest.mark.parametrize(("parser", "content"), FILES)
def test_any_slicing_gives_the_same_rows(parser: StreamingParser, content: bytes) -> None:
    cut = items_in(parser, content, slice_bytes=1)
    assert cut == items_in(parser, content)
    assert len({item.native_id for item in cut if isinstance(item, Record)}) == 10


@pytest.mark.parametrize(("parser", "content"), FILES)
def test_a_file_says_its_columns_and_is_known_by_its_beginning(
    parser: StreamingParser, content: bytes
) -> None:
    assert described(parser, content)["columns"] == ["id", "name"]
    assert parser.accepts(io.BytesIO(content))


@pytest.mark.parametrize(("parser", "content"), FILES)
def test_a_file_cut_off_is_refused(parser: StreamingParser, content: bytes) -> None:
    with pytest.raises(UnreadableFileError, match="damaged or cut off"):
        items_in(parser, content[: len(content) // 2])


def test_several_row_groups_are_several_slices() -> None:
    context = parse_context()
    parts = list(PARQUET.plan(io.BytesIO(parquet_of()), context, slice_bytes=1))
    assert [part.context["groups"] for part in parts] == [[0], [1], [2], [3]]


def test_values_of_every_type_are_kept_as_json_has_them() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    table = pa.table(
        {
            "day": [date(2026, 1, 2)],
            "created_at": pa.array([moment], pa.timestamp("ns", "Europe/Paris")),
            "price": [Decimal("1.50")],
            "raw": [b"\xff\x00"],
            "nested": [{"a": [1, None], "b": moment}],
            "kind": pa.array(["x"]).dictionary_encode(),
            "nothing": pa.nulls(1),
            "ratio": [float("nan")],
        }
    )
    (record,) = records_in(PARQUET, parquet_of(table))
    assert record.timestamp == moment
    assert dict(record.metadata) == {
        "day": "2026-01-02",
        "created_at": "2026-01-02 03:04:05.000000000Z",
        "price": "1.50",
        "raw": "ff00",
        "nested": {"a": [1, None], "b": "2026-01-02T03:04:05+00:00"},
        "kind": "x",
    }


def test_columns_of_one_name_are_told_apart() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert described(ARROW, arrow_of(table))["columns"] == ["a", "a_2"]


@pytest.mark.parametrize("table", [TABLE.slice(0, 0), pa.table({})], ids=["no-rows", "no-columns"])
def test_a_table_without_rows_has_no_records(table: pa.Table) -> None:
    assert items_in(PARQUET, parquet_of(table)) == []
    assert items_in(ARROW, arrow_of(table)) == []


@pytest.mark.parametrize("limit", [{"max_uncompressed_bytes": 10}, {"max_ratio": 1e-9}])
def test_a_table_that_unfolds_to_too_much_is_refused(limit: dict[str, Any]) -> None:
    rows = 110_000_000 if "max_ratio" in limit else 10
    table = pa.table({"a": pa.nulls(rows, pa.int8())})
    asked = parse_context()
    limits = ArchiveLimits(**limit)
    context = ParseContext("x", "parquet", asked.sha256, asked.options, limits)
    with pytest.raises(UnreadableFileError, match="bomb"):
        PARQUET.describe(io.BytesIO(parquet_of(table, rows)), context)


@pytest.mark.parametrize(
    ("parser", "content", "words"),
    [
        pytest.param(PARQUET, b"PARE....", "encrypted", id="encrypted"),
        pytest.param(ARROW, b"FEA1....", "version 2", id="feather-1"),
    ],
)
def test_what_cannot_be_read_says_the_fix(
    parser: StreamingParser, content: bytes, words: str
) -> None:
    with pytest.raises(UnreadableFileError, match=words):
        described(parser, content)


def test_feather_is_read() -> None:
    out = io.BytesIO()
    pyarrow.feather.write_feather(TABLE, out)
    assert len(records_in(ARROW, out.getvalue())) == 10
