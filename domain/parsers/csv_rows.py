"""Reading a delimited text row by row, with the bytes that each row stands on."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.errors import UnreadableFileError
from domain.parsers.dialects import Dialect
from domain.parsers.forms import MAX_RAW_BYTES, MAX_RECORD_BYTES

RESCAN_BUDGET_BYTES = 100 * MAX_RECORD_BYTES
"""How many bytes may be read again after unbalanced quotes before the file is given up."""


@dataclass(frozen=True, slots=True)
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
    """Turns lines into rows.

    A quote that never closes must not swallow what follows: a record that does not end within
    16 MiB, or runs into the end of the text over several lines, is given up, and the reading
    goes on at the line after its first one. ``csv_borders`` cuts by the same rule.
    """

    def __init__(
        self,
        lines: Iterator[bytes],
        dialect: Dialect,
        decode: Callable[[bytes], str],
        start: int,
        *,
        is_last: bool = True,
    ) -> None:
        self._lines = lines
        self._dialect = dialect
        self._decode = decode
        self._again: deque[bytes] = deque()
        self._pending: list[bytes] = []
        self._start = start
        self._at = start
        self._is_last = is_last
        self._budget = RESCAN_BUDGET_BYTES

    def rows(self) -> Iterator[Row]:
        """Every row, blank ones too.

        Raises:
            UnreadableFileError: quotes are unbalanced all over the text.
        """
        while True:
            try:
                for cells in self._dialect.rows(self._texts()):
                    yield Row(cells, self._start, self._at)
                    self._pending.clear()
                    self._start = self._at
            except (_BrokenRecordError, csv.Error) as error:
                yield self._give_up_first_line(str(error))
            else:
                return

    def raw(self) -> bytes:
        """The bytes of the row that was yielded last."""
        return b"".join(self._pending)

    def _texts(self) -> Iterator[str]:
        """What ``csv.reader`` asks for, line by line; keeps the lines of the record under way."""
        decode, pending = self._decode, self._pending
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                break
            pending.append(line)
            self._at += getattr(line, "length", None) or len(line)
            if self._at - self._start > MAX_RECORD_BYTES:
                raise _BrokenRecordError(_NO_END)
            yield decode(line)
        # A quote left open in the text's very last line swallows nothing, and is forgiven.
        if len(pending) > 1 or (pending and not self._is_last):
            raise _BrokenRecordError(_NO_END)

    def _give_up_first_line(self, error: str) -> Row:
        first, *rest = self._pending
        end = self._start + (getattr(first, "length", None) or len(first))
        self._budget -= self._at - end
        if self._budget < 0:
            raise UnreadableFileError("quotes are unbalanced in many rows; export the table again")
        broken = Row(None, self._start, end, error, first[:MAX_RAW_BYTES])
        self._again.extendleft(reversed(rest))
        self._pending.clear()
        self._start = self._at = end
        return broken
