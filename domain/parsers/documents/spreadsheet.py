"""Workbooks: every sheet a table, every row of it a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, JsonValue, ParsedItem, Place
from domain.parsers.column_rules import SAMPLE_RECORDS, choose_columns
from domain.parsers.csv import PREAMBLE_ROW, Table, row_values
from domain.parsers.dialects import Dialect, SniffedDialect, find_header
from domain.parsers.documents.kinds import kind_by_start
from domain.parsers.documents.reading import document_kind, extracted, whole
from domain.parsers.forms import ByteStream, Form, Head, Site
from domain.parsers.generic import BLANK_ROW, RecordBuilder
from domain.parsers.readable import is_blank, scalar_text
from domain.ports.extraction import DocumentKind, SheetRows

EMPTY_SHEET = "empty_sheet"
SHEET, ROW = "_sheet", "_row"
"""Metadata of each record: the sheet's name, and the row's number in it, from 1."""

_KINDS = frozenset((DocumentKind.SHEETS, DocumentKind.OLD_OFFICE))


class SpreadsheetParser(Form):
    """Reads XLSX, XLSM, XLSB, XLS and ODS by the rules of CSV, sheet by sheet.

    Rows above a table are dropped as ``preamble_row``, rows without a value as ``blank_row``, a
    sheet without cells as ``empty_sheet``. The file is one slice; an item's place is the whole
    file, with its number in it.
    """

    name = "spreadsheet"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        kind = kind_by_start(head.content)
        if kind is not None and kind not in _KINDS:
            raise UnreadableFileError("the file is no workbook; save it as XLSX or ODS")
        return {"format": DocumentKind.SHEETS.value}

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        content = whole(stream)
        kind = document_kind(content, site)
        place = site.place(start, start + len(content))
        parts = extracted(kind, content, site)
        del content
        blocks = (part for part in parts if isinstance(part, SheetRows))
        places = _Places(place)
        for sheet, of_sheet in groupby(blocks, lambda block: block.sheet):
            yield from _sheet_items(sheet, of_sheet, site, places)


@dataclass(slots=True)
class _Places:
    """Numbers the items of a workbook through, whose place is the whole file."""

    file: Place
    ordinal: int = -1

    def next(self) -> Place:
        self.ordinal += 1
        return replace(self.file, ordinal=self.ordinal)


def _sheet_items(
    sheet: str, blocks: Iterable[SheetRows], site: Site, places: _Places
) -> Iterator[ParsedItem]:
    rows = enumerate((row for block in blocks for row in block.rows), start=1)
    number, first = 0, None
    for number, row in rows:
        if not all(map(is_blank, row)):
            first = (number, row)
            break
        yield DroppedItem(BLANK_ROW, places.next())
    if first is None:
        if not number:
            yield DroppedItem(EMPTY_SHEET, places.next())
        return
    sample = [first, *islice(rows, SAMPLE_RECORDS)]
    yield from _table_items(sheet, sample, rows, site, places)


_Numbered = tuple[int, Sequence[JsonValue]]


def _table_items(
    sheet: str, sample: Sequence[_Numbered], rest: Iterator[_Numbered], site: Site, places: _Places
) -> Iterator[ParsedItem]:
    """The items of the rows from the first on that is not blank."""
    sniffed = _sniffed([row for _, row in sample])
    table = Table(sniffed, *find_header(sniffed))
    values = [row_values(table.columns, _trimmed(row)) for _, row in sample[table.data_row :]]
    builder = RecordBuilder(choose_columns(table.columns, values, site.context.options), site)
    for index, (number, row) in enumerate(chain(sample, rest)):
        if index >= table.data_row:
            named = row_values(table.columns, _trimmed(row))
            yield builder.build(named, places.next(), extra={SHEET: sheet, ROW: number})
        elif index < table.first_row:
            is_empty = all(map(is_blank, row))
            yield DroppedItem(BLANK_ROW if is_empty else PREAMBLE_ROW, places.next())


def _sniffed(rows: Sequence[Sequence[JsonValue]]) -> SniffedDialect:
    """The sample as the rules for the header want it: as if it had been read from CSV."""
    texts = tuple([_text_of(cell) for cell in _trimmed(row)] for row in rows)
    widths = Counter(len(row) for row in texts if row)
    width = max(widths, key=lambda w: (widths[w], w), default=1)
    return SniffedDialect(Dialect(), texts, width, consistency=1.0, score=1.0)


def _text_of(cell: JsonValue) -> str:
    return "" if cell is None else scalar_text(cell)


def _trimmed(row: Sequence[JsonValue]) -> Sequence[JsonValue]:
    """The row without the blank cells at its end."""
    length = len(row)
    while length and is_blank(row[length - 1]):
        length -= 1
    return row[:length]
