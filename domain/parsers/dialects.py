"""How a delimited text is written: its delimiter, its quotes, and its header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Protocol

from domain.models.records import JsonValue
from domain.parsers.forms import MAX_RECORD_BYTES
from domain.parsers.timestamps import parse_timestamp

_DELIMITER_WEIGHTS = {
    ",": 1.0,
    "\t": 1.0,
    ";": 1.0,
    "|": 1.0,
    "^": 0.8,
    "`": 0.8,
    ":": 0.4,
    " ": 0.2,
}
_SAMPLE_ROWS = 200
_HEADER_SEARCH_ROWS = 25
_MAX_HEADER_CELL_CHARS = 150
_BROKEN_QUOTES_FACTOR = 0.7
_NUMBER = re.compile(r"[-+]?[$€£₹]?\d[\d.,' ]*%?\Z")
_YEAR = re.compile(r"(19|20)\d\d\Z")
_OTHER_DELIMITERS = re.compile(r"[,;\t|]")
_VALUE_LIKE = re.compile(r"https?://|[^@\s]+@[^@\s]+\.[^@\s]+\Z|(true|false|null)\Z", re.IGNORECASE)


class CountedRows(Protocol):
    """Rows, and how many lines were taken for those that came so far."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """What ``csv.reader`` needs to know. Quotes are doubled, or follow the ``escape``."""

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    skips_initial_space: bool = False

    def rows(self, lines: Iterable[str], *, is_strict: bool = False) -> CountedRows:
        """Parse lines, which keep their line ends, into rows."""
        csv.field_size_limit(2 * MAX_RECORD_BYTES)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or '"',
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            skipinitialspace=self.skips_initial_space,
            strict=is_strict,
        )

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "delimiter": self.delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "skips_initial_space": self.skips_initial_space,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, JsonValue]) -> Dialect:
        return cls(**{key: stored[key] for key in cls.__slots__})


@dataclass(frozen=True, slots=True)
class SniffedDialect:
    """A dialect, the sample's rows under it, and how sure it is.

    ``consistency`` is the share of rows that have ``width`` cells.
    """

    dialect: Dialect
    rows: tuple[list[str], ...]
    width: int
    consistency: float
    score: float

    @property
    def is_weak(self) -> bool:
        """Whether the delimiter is one that ordinary texts are full of, or hardly ever used."""
        return _DELIMITER_WEIGHTS[self.dialect.delimiter] < 1

    @property
    def is_table(self) -> bool:
        """Whether the sample is a table beyond doubt: two rows and columns or more, all alike."""
        filled = sum(any(row) for row in self.rows)
        return self.width >= 2 and filled >= 2 and self.consistency >= 0.8


def sniff_dialect(lines: Sequence[str]) -> SniffedDialect:
    """The dialect under which the lines come out as the most regular table."""
    sample = "".join(lines)
    best = max(
        (_judge(dialect, lines) for dialect in _candidates(sample)), key=lambda tried: tried.score
    )
    dialect = best.dialect
    if _has_space_after_delimiters(best.rows, dialect.quote):
        return _judge(Dialect(dialect.delimiter, dialect.quote, dialect.escape, True), lines)
    return best


def _candidates(sample: str) -> Iterator[Dialect]:
    """Every dialect whose characters occur, the commonest first, so that it wins a tie."""
    delimiters = [d for d in _DELIMITER_WEIGHTS if d in sample] or [","]
    for delimiter, quote in product(delimiters, ('"', "'")):
        escaped_delimiter = re.escape(delimiter)
        if quote == "'" and not re.search(rf"(^|{escaped_delimiter})'", sample, re.MULTILINE):
            continue
        yield Dialect(delimiter, quote)
        if f"\\{quote}" in sample:
            yield Dialect(delimiter, quote, "\\")


def _judge(dialect: Dialect, lines: Sequence[str]) -> SniffedDialect:
    rows = tuple(islice(dialect.rows(lines), _SAMPLE_ROWS))
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    widths = Counter(map(len, filled))
    width = max(widths, key=lambda w: (widths[w], w), default=1)
    consistency = widths[width] / len(filled) if filled else 0.0
    clean = _clean_share(filled, dialect.delimiter)
    score = _DELIMITER_WEIGHTS[dialect.delimiter] * consistency**2 * (1.01 - 1 / width)
    score *= 0.5 + 0.5 * clean
    if _breaks_quotes(dialect, lines):
        score *= _BROKEN_QUOTES_FACTOR
    if dialect.quote == "'":
        score *= 1.1 if _wraps_cells(dialect, lines) else 0.5
    return SniffedDialect(dialect, rows, width, consistency, score)


def _clean_share(rows: Sequence[Sequence[str]], delimiter: str) -> float:
    """The share of cells that hold no other delimiter, except inside of numbers."""
    cells = [cell for row in rows for cell in row]
    clean = sum(
        not _OTHER_DELIMITERS.search(cell) or bool(_NUMBER.match(cell.strip())) for cell in cells
    )
    return clean / len(cells) if cells else 0.0


def _breaks_quotes(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether something other than a delimiter follows a closing quote somewhere."""
    try:
        for _ in islice(dialect.rows(lines, is_strict=True), _SAMPLE_ROWS):
            pass
    except csv.Error as error:
        return "unexpected end of data" not in str(error)
    return False


def _wraps_cells(dialect: Dialect, lines: Sequence[str]) -> bool:
    """Whether cells begin and end with the quote more often than with only one of them."""
    quote = str(dialect.quote)
    rows = islice(Dialect(dialect.delimiter, None).rows(lines), _SAMPLE_ROWS)
    ends = [(cell.startswith(quote), cell.endswith(quote)) for row in rows for cell in row if cell]
    wrapped = sum(begins and closes for begins, closes in ends)
    return wrapped > sum(begins != closes for begins, closes in ends)


def _has_space_after_delimiters(rows: Sequence[Sequence[str]], quote: str | None) -> bool:
    """Whether most delimiters come with a space that belongs to no cell.

    Where the first cells of rows begin with a space as well, it is part of all cells; unless a
    quote follows it, which would not be one then.
    """
    later = [cell for row in rows for cell in row[1:] if cell]
    if sum(cell.startswith(" ") for cell in later) * 2 <= len(later):
        return False
    first = [row[0] for row in rows if row and row[0]]
    is_padded = sum(cell.startswith(" ") for cell in first) * 2 > len(first)
    return not is_padded or any(quote and cell.lstrip(" ").startswith(quote) for cell in later)


def find_header(sniffed: SniffedDialect) -> tuple[int, bool]:
    """The index of the first row of the table, and whether it is a header."""
    for index, row in enumerate(sniffed.rows[:_HEADER_SEARCH_ROWS]):
        filled = [cell for cell in row if cell.strip()]
        is_comment = len(filled) == 1 and filled[0].startswith("#")
        if filled and not is_comment and len(filled) * 2 >= sniffed.width:
            return index, _is_header(row, sniffed.rows[index + 1 :])
    return 0, False


def _is_header(row: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a row names columns: it holds no values, and is unlike the rows below."""
    cells = [cell.strip() for cell in row if cell.strip()]
    if any(len(cell) > _MAX_HEADER_CELL_CHARS or _VALUE_LIKE.match(cell) for cell in cells):
        return False
    numbers = [cell for cell in cells if _NUMBER.match(cell)]
    are_years = len(numbers) > 1 and all(map(_YEAR.match, numbers)) and len(numbers) < len(cells)
    if numbers and not are_years:
        return False
    if any(parse_timestamp(cell) for cell in cells):
        return False
    return not (body and _repeats(row, body))


def _repeats(row: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether most cells of the row come again in their own column, as values do."""
    seen = [set(column) for column in zip(*(r for r in body if len(r) == len(row)), strict=False)]
    again = sum(
        bool(cell.strip()) and cell in values for cell, values in zip(row, seen, strict=False)
    )
    return again * 2 > len(row)


def column_names(row: Sequence[str], *, is_header: bool, width: int) -> list[str]:
    """Unique names: blank ones become ``column_N``, the second ``id`` becomes ``id_2``."""
    labels = [" ".join(cell.split()) for cell in row] if is_header else []
    labels += [""] * (width - len(labels))
    names: list[str] = []
    taken: set[str] = set()
    for position, label in enumerate(labels, start=1):
        base = name = label or f"column_{position}"
        repeat = 1
        while name in taken:
            repeat += 1
            name = f"{base}_{repeat}"
        taken.add(name)
        names.append(name)
    return names
