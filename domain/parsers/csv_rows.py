"""Reading a delimited text row by row, with the bytes that each row stands on."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from domain.errors import UnreadableFileError
from domain.parsers.dialects import Dialect
from domain.parsers.encodings import lines_decoder
from domain.parsers.forms import MAX_RAW_BYTES, MAX_RECORD_BYTES

RESCAN_BUDGET_BYTES = 100 * MAX_RECORD_BYTES
"""How many bytes may be read again after unbalanced quotes before the file is given up."""


# Not frozen: setting the fields of a frozen one takes as long as reading the row.
@dataclass(slots=True)
class Row:
    """A row's cells, or ``None`` and an error; and its bytes' place in the stream."""

    cells: list[str] | None
    start: int
    end: int
    error: str = ""
    raw: bytes = b""


_NO_END = (
    "the row's quote is never closed, or it has more than "
    f"{MAX_RECORD_BYTES // 1024**2} MiB; mend or split it"
)


class _BrokenRecordError(Exception):
    """The record under way does not end where it should."""


class RowReader:
    """Turns lines, which come in batches, into rows.

    A quote that never closes must not swallow what follows: a record that does not end within
    16 MiB, or runs into the end of the text over several lines, is given up, and the reading
    goes on at the line after its first one. ``csv_borders`` cuts by the same rule.

    It holds a window of lines: those of the record under way and those read after it.
    ``csv.reader`` counts the lines that it takes, so that nothing of ours runs for each of them.
    """

    def __init__(
        self,
        batches: Iterator[list[bytes]],
        dialect: Dialect,
        encoding: str,
        start: int,
        *,
        is_last: bool = True,
    ) -> None:
        self._batches = batches
        self._dialect = dialect
        self._decode = lines_decoder(encoding)
        self._lines: list[bytes] = []
        self._offsets = [start]
        """Where each line of the window begins, and where the last one ends."""
        self._first = 0
        """The place in the window of the first line of the record under way."""
        self._taken_before = 0
        """How many lines ``csv.reader`` had taken before the window's first."""
        self._is_last = is_last
        self._budget = RESCAN_BUDGET_BYTES

    def rows(self) -> Iterator[Row]:
        """Every row, blank ones too.

        Raises:
            UnreadableFileError: quotes are unbalanced all over the text.
        """
        while True:
            self._taken_before = -self._first
            reader = self._dialect.rows(chain.from_iterable(self._texts()))
            try:
                for cells in reader:
                    past = reader.line_num - self._taken_before
                    start, end = self._offsets[self._first], self._offsets[past]
                    if end - start > MAX_RECORD_BYTES:
                        raise _BrokenRecordError(_NO_END)
                    self._row_lines = self._first, past
                    self._first = past
                    yield Row(cells, start, end)
            except (_BrokenRecordError, csv.Error) as error:
                yield self._give_up_first_line(str(error))
            else:
                return

    def raw(self) -> bytes:
        """The bytes of the row that was yielded last."""
        first, past = self._row_lines
        return b"".join(self._lines[first:past])

    def _texts(self) -> Iterator[Iterable[str]]:
        """What ``csv.reader`` reads: what the window still holds, and then batch by batch."""
        yield self._decode(self._lines[self._first :])
        for batch in self._batches:
            if self._offsets[-1] - self._offsets[self._first] > MAX_RECORD_BYTES:
                self._extend(batch)
                raise _BrokenRecordError(_NO_END)
            self._extend(batch)
            yield self._decode(batch)
        # A quote left open in the text's very last line swallows nothing, and is forgiven.
        pending = len(self._lines) - self._first
        if pending > 1 or (pending and not self._is_last):
            raise _BrokenRecordError(_NO_END)

    def _extend(self, batch: Sequence[bytes]) -> None:
        """Move the window on: forget the lines of finished rows, and add a batch."""
        self._taken_before += self._first
        del self._lines[: self._first], self._offsets[: self._first]
        self._first = 0
        self._lines += batch
        end = self._offsets.pop()
        self._offsets += accumulate(map(len, batch), initial=end)

    def _give_up_first_line(self, error: str) -> Row:
        first = self._lines[self._first]
        start, end = self._offsets[self._first : self._first + 2]
        past = bisect_right(self._offsets, start + MAX_RECORD_BYTES)
        scanned_to = self._offsets[min(past, len(self._offsets) - 1)]
        self._budget -= scanned_to - end
        if self._budget < 0:
            raise UnreadableFileError("quotes are unbalanced in many rows; export the table again")
        self._first += 1
        return Row(None, start, end, error, first[:MAX_RAW_BYTES])
