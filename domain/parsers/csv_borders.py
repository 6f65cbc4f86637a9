"""Finding record borders in a delimited file at the speed of memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnreadableFileError
from domain.parsers.csv_rows import RESCAN_BUDGET_BYTES
from domain.parsers.dialects import Dialect
from domain.parsers.forms import BLOCK_BYTES, MAX_RECORD_BYTES

Positions = NDArray[np.intp]

_LF, _CR, _SPACE = b"\n", b"\r", 32
_NONE: Positions = np.empty(0, np.intp)


class BorderScanner:
    """Walks over a file in blocks of whole lines and knows whether each line end is quoted.

    A quote opens only where a cell begins and closes at the next one, as in ``csv.reader``; in
    most files the quotes therefore simply alternate, which numpy checks for a block at once.
    The dialect must double its quotes, not escape them.
    """

    def __init__(self, file: BinaryIO, dialect: Dialect, *, start: int, newline: bytes) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._quote = ord(dialect.quote) if dialect.quote else None
        self._openers = np.zeros(256, bool)
        self._openers[[ord(dialect.delimiter), *_LF, *_CR]] = True
        self._skips_space = dialect.skips_initial_space
        self._newline = newline
        self._at = start
        self._record_start = start
        self._is_quoted = False
        self._budget = RESCAN_BUDGET_BYTES

    def cuts(self, first_target: int, slice_bytes: int) -> Iterator[int]:
        """The first record border at or after ``first_target``, and so on by ``slice_bytes``.

        Raises:
            UnreadableFileError: quotes are unbalanced all over the file.
        """
        target = first_target
        while self._at < self._size:
            for border in self._next_borders(target):
                if border >= target and border < self._size:
                    yield border
                    target = border + slice_bytes

    def _next_borders(self, target: int) -> Iterator[int]:
        """Step over one block; yields its borders from ``target`` on, if it reaches so far."""
        base = self._at
        block = self._read_lines()
        if block is None:
            self._resync()
            return
        ends = self._unquoted_line_ends(block)
        if len(ends) and base + int(ends[0]) - self._record_start > MAX_RECORD_BYTES:
            self._resync()
            return
        self._at = base + len(block)
        if len(ends):
            self._record_start = base + int(ends[-1])
        elif self._at - self._record_start > MAX_RECORD_BYTES:
            self._resync()
            return
        if target <= self._at:
            first = int(np.searchsorted(ends, target - base))
            yield from (base + ends[first:]).tolist()

    def _read_lines(self) -> bytes | None:
        """The next block, ending at a line end or the file's; ``None`` for an endless line."""
        self._file.seek(self._at)
        block = self._file.read(BLOCK_BYTES)
        while self._at + len(block) < self._size:
            last = block.rfind(self._newline)
            if last >= 0:
                return block[: last + 1]
            if len(block) > MAX_RECORD_BYTES:
                return None
            block += self._file.read(BLOCK_BYTES)
        return block

    def _unquoted_line_ends(self, block: bytes) -> Positions:
        """Offsets in the block just after every line end that ends a record."""
        content = np.frombuffer(block, np.uint8)
        toggles = self._toggles(content)
        was_quoted = self._is_quoted
        self._is_quoted ^= bool(len(toggles) % 2)
        if was_quoted and not len(toggles):
            return _NONE
        ends = np.flatnonzero(content == ord(self._newline))
        if len(toggles):
            ends = ends[(np.searchsorted(toggles, ends) + was_quoted) % 2 == 0]
        if self._newline == _CR and len(ends):
            followed = np.append(content, 10)[ends + 1]
            ends = ends[followed != ord(_LF)]
        return ends + 1

    def _toggles(self, content: NDArray[np.uint8]) -> Positions:
        """Where quoting begins or ends."""
        if self._quote is None:
            return _NONE
        quotes = np.flatnonzero(content == self._quote)
        if not len(quotes):
            return _NONE
        opening = quotes[int(self._is_quoted) :: 2]
        before = content[opening - 1]
        begins_cell = self._openers[before] | (before == self._quote)
        if len(opening) and opening[0] == 0:
            begins_cell[0] = True
        return quotes if begins_cell.all() else self._toggles_one_by_one(content, quotes)

    def _toggles_one_by_one(self, content: NDArray[np.uint8], quotes: Positions) -> Positions:
        """The same for a block with stray quotes inside of cells."""
        block = content.tobytes()
        is_quoted, last_close = self._is_quoted, -2
        toggles = []
        for at in quotes.tolist():
            if is_quoted:
                is_quoted, last_close = False, at
            elif at - 1 == last_close or self._begins_cell(block, at):
                is_quoted = True
            else:
                continue
            toggles.append(at)
        return np.array(toggles, np.intp)

    def _begins_cell(self, block: bytes, at: int) -> bool:
        if self._skips_space:
            while at and block[at - 1] == _SPACE:
                at -= 1
        return at == 0 or bool(self._openers[block[at - 1]])

    def _resync(self) -> None:
        """Give up the first line of a record that does not end, and go on after it."""
        scanned_to = max(self._at, self._record_start)
        self._file.seek(self._record_start)
        at = self._record_start
        while block := self._file.read(BLOCK_BYTES):
            found = block.find(self._newline)
            if found >= 0:
                at += found + 1
                break
            at += len(block)
        self._budget -= max(0, scanned_to - at)
        if self._budget < 0:
            raise UnreadableFileError("quotes are unbalanced in many rows; export the table again")
        self._at = self._record_start = at
        self._is_quoted = False
