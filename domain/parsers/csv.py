"""Delimited text: CSV, TSV and their relatives, one record per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import accumulate, takewhile
from typing import BinaryIO

from domain.errors import UnreadableFileError
from domain.models.records import (
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    RejectedItem,
    make_place,
)
from domain.parsers.column_rules import ColumnRules, choose_columns
from domain.parsers.csv_borders import BorderScanner, can_cut
from domain.parsers.csv_rows import Row, RowReader
from domain.parsers.dialects import (
    Dialect,
    SniffedDialect,
    column_names,
    find_header,
    sniff_dialect,
)
from domain.parsers.encodings import (
    TextEncoding,
    byte_lines,
    detect_encoding,
    line_batches,
    line_decoder,
)
from domain.parsers.forms import (
    IS_LAST,
    MAX_RECORD_BYTES,
    ByteStream,
    Cut,
    Form,
    Head,
    Site,
    raw_start,
    read_fully,
)
from domain.parsers.generic import RecordBuilder

PREAMBLE_ROW = "preamble_row"

_SNIFF_BYTES = 128 * 1024
_SNIFF_LINES = 20
_OVERRIDES = "text_columns, title_column, timestamp_column and id_column choose otherwise"


class CsvParser(Form):
    """Reads delimited text in any usual encoding and dialect.

    Rows above the table are dropped as ``preamble_row``, rows without a value as ``blank_row``.
    A row's extra cells are kept as ``extra_1`` and so on. Files are cut at record borders.
    """

    name = "csv"
    version = "2"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        encoding = detect_encoding(head.content)
        lines = sample_lines(head, encoding)
        if not any(line.strip() for line in lines):
            raise UnreadableFileError("the file holds only white space; export it again")
        sniffed = sniff_dialect(lines)
        table = Table(sniffed, *self.header_of(sniffed))
        rules = choose_columns(table.columns, table.sample, site.context.options)
        return {
            "format": self.name,
            "encoding": encoding.name,
            "bom_bytes": encoding.bom_bytes,
            **sniffed.dialect.to_json(),
            "newline": _newline_of(head.content, encoding.name),
            "has_header": table.has_header,
            "table_row": table.first_row,
            "data_start": _offset_of_row(head, encoding, sniffed.dialect, table.data_row),
            "columns": table.columns,
            "column_rules": rules.to_json(),
            "overrides": _OVERRIDES,
        }

    def cuts(
        self, file: BinaryIO, layout: Mapping[str, JsonValue], *, slice_bytes: int
    ) -> Iterator[Cut]:
        encoding, dialect, start = (
            layout["encoding"],
            Dialect.from_json(layout),
            layout["data_start"],
        )
        if not can_cut(encoding, dialect):
            return
        scanner = BorderScanner(file, dialect, encoding, start=start, newline=layout["newline"])
        for end in scanner.cuts(max(slice_bytes, start + 1), slice_bytes):
            yield Cut(end, {})

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        if start == 0:
            start = len(read_fully(stream, layout["bom_bytes"]))
        encoding, is_last = layout["encoding"], layout.get(IS_LAST, True)
        batches = line_batches(stream, encoding, max_bytes=MAX_RECORD_BYTES)
        dialect = Dialect.from_json(layout)
        reader = RowReader(batches, dialect, encoding, start, is_last=is_last)
        rows = reader.rows()
        if start < layout["data_start"]:
            yield from _items_above(rows, layout, site)
        build, member = self.row_builder(layout, site), site.member
        for row in rows:
            place = make_place(row.start, row.end, member)
            if row.cells is None:
                yield RejectedItem(row.error, place, row.raw)
                continue
            item = build(row.cells, place)
            if isinstance(item, RejectedItem):
                item = replace(item, raw=raw_start(reader.raw()))
            yield item

    def header_of(self, sniffed: SniffedDialect) -> tuple[int, bool]:
        """The index of the table's first row, and whether it is a header."""
        return find_header(sniffed)

    def row_builder(
        self, layout: Mapping[str, JsonValue], site: Site
    ) -> Callable[[list[str], Place], ParsedItem]:
        """What makes items of the rows' cells; tables of a known kind bring their own."""
        builder = RecordBuilder(ColumnRules.from_json(layout["column_rules"]), site)
        columns = layout["columns"]

        def build(cells: list[str], place: Place) -> ParsedItem:
            if len(cells) <= len(columns):
                return builder.build_row(columns, cells, place)
            return builder.build(row_values(columns, cells), place)

        return build


class Table:
    """Where the table begins in the sample, and what it holds."""

    def __init__(self, sniffed: SniffedDialect, first_row: int, has_header: bool) -> None:
        self.first_row, self.has_header = first_row, has_header
        self.data_row = self.first_row + self.has_header
        width = max(sniffed.width, len(sniffed.rows[self.first_row]) if self.has_header else 0)
        self.columns = column_names(
            sniffed.rows[self.first_row], is_header=self.has_header, width=width
        )
        body = sniffed.rows[self.data_row :]
        self.sample = [row_values(self.columns, row) for row in body if any(row)]


def sample_lines(head: Head, encoding: TextEncoding) -> list[str]:
    """The head's first complete lines, enough of them to judge how the text is written."""
    decode = line_decoder(encoding.name)
    stream = BytesIO(head.content[encoding.bom_bytes :])
    lines = list(byte_lines(stream, encoding.name, max_bytes=MAX_RECORD_BYTES))
    if not head.is_whole and len(lines) > 1:
        lines.pop()
    sizes = accumulate(map(len, lines))
    within = sum(1 for _ in takewhile(lambda size: size < _SNIFF_BYTES, sizes))
    return [decode(line) for line in lines[: max(within + 1, _SNIFF_LINES)]]


def _offset_of_row(head: Head, encoding: TextEncoding, dialect: Dialect, index: int) -> int:
    """Where the row stands in the stream; the rows before it are the header and what is above."""
    start = encoding.bom_bytes
    batches = line_batches(BytesIO(head.content[start:]), encoding.name, max_bytes=MAX_RECORD_BYTES)
    rows = RowReader(batches, dialect, encoding.name, start).rows()
    end = start
    for _, row in zip(range(index), rows, strict=False):
        end = row.end
    return end


def _newline_of(head: bytes, encoding: str) -> str:
    lines, returns = (head.count(end.encode(encoding)) for end in "\n\r")
    return "\r" if returns > 2 * lines else "\n"


def row_values(columns: Sequence[str], cells: Sequence[JsonValue]) -> dict[str, JsonValue]:
    """Cells by their columns; those beyond the last column are ``extra_1`` and so on."""
    values: dict[str, JsonValue] = dict(zip(columns, cells, strict=False))
    if len(cells) > len(columns):
        for number, extra in enumerate(cells[len(columns) :], start=1):
            values[f"extra_{number}"] = extra
    return values


def _items_above(
    rows: Iterator[Row], layout: Mapping[str, JsonValue], site: Site
) -> Iterator[ParsedItem]:
    """The items of the rows before the table's first; its header is none."""
    header_row = layout["table_row"] if layout["has_header"] else -1
    for number, row in enumerate(rows):
        if number != header_row:
            yield _preamble_item(row, site)
        if row.end >= layout["data_start"]:
            return


def _preamble_item(row: Row, site: Site) -> DroppedItem:
    is_blank = not any(cell.strip() for cell in row.cells or ())
    return DroppedItem("blank_row" if is_blank else PREAMBLE_ROW, site.place(row.start, row.end))
