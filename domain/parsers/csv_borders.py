"""Finding record borders in a delimited file at the speed of memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnreadableFileError
from domain.parsers.byte_runs import after_odd_runs
from domain.parsers.csv_rows import RESCAN_BUDGET_BYTES
from domain.parsers.dialects import Dialect
from domain.parsers.encodings import ASCII_LIKE, EAST_ASIAN, unit_of
from domain.parsers.forms import BLOCK_BYTES, MAX_RECORD_BYTES

Positions = NDArray[np.intp]
Mask = NDArray[np.bool_]
Units = NDArray[np.unsignedinteger]
"""A block's characters as numbers, or halves of them in UTF-16, or bytes."""

_LF, _CR, _SPACE = 10, 13, 32
_NONE: Positions = np.empty(0, np.intp)
_FIRST_TRAIL_BYTE = 0x30
"""East Asian characters may end with this byte or any greater one."""


def can_cut(encoding: str, dialect: Dialect) -> bool:
    """Whether the table's own marks can be told from parts of other characters."""
    if encoding in EAST_ASIAN:
        marks = (dialect.delimiter, dialect.quote, dialect.escape)
        return all(ord(mark) < _FIRST_TRAIL_BYTE for mark in marks if mark)
    return encoding.startswith(ASCII_LIKE) or unit_of(encoding).itemsize > 1


class BorderScanner:
    """Walks over a file in blocks of whole lines and knows whether each line end is quoted.

    A quote opens only where a cell begins and closes at the next one, as in ``csv.reader``; in
    most files the quotes therefore simply alternate, which numpy checks for a block at once.
    What follows an escape is no mark. ``can_cut`` says whether this works.
    """

    def __init__(
        self, file: BinaryIO, dialect: Dialect, encoding: str, *, start: int, newline: str
    ) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._unit = unit_of(encoding)
        self._quote = ord(dialect.quote) if dialect.quote else None
        self._escape = ord(dialect.escape) if dialect.escape else None
        self._openers = np.zeros(256, bool)
        self._openers[[ord(dialect.delimiter), _LF, _CR]] = True
        self._skips_space = dialect.skips_initial_space and dialect.delimiter != " "
        self._newline = ord(newline)
        self._newline_bytes = newline.encode(encoding)
        self._at = start
        self._record_start = start
        self._is_quoted = False
        self._is_continued = False
        """Whether the block before ended with a line end that an escape made part of a cell."""
        self._is_lost = False
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
            if self._is_lost:
                return

    def _next_borders(self, target: int) -> Iterator[int]:
        """Step over one block; yields its borders from ``target`` on, if it reaches so far."""
        base = self._at
        block = self._read_lines()
        if block is None:
            self._resync()
            return
        ends = self._unquoted_line_ends(block) * self._unit.itemsize
        if self._is_lost:
            return
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
            end = self._last_line_end(block)
            if end:
                return block[:end]
            if len(block) > MAX_RECORD_BYTES:
                return None
            block += self._file.read(BLOCK_BYTES)
        return block

    def _last_line_end(self, block: bytes) -> int:
        """The offset after the last line end that is not parts of two characters; 0 if none."""
        at = block.rfind(self._newline_bytes)
        while at % self._unit.itemsize and at >= 0:
            at = block.rfind(self._newline_bytes, 0, at + len(self._newline_bytes) - 1)
        return at + len(self._newline_bytes) if at >= 0 else 0

    def _first_line_end(self, block: bytes) -> int:
        at = block.find(self._newline_bytes)
        while at % self._unit.itemsize and at >= 0:
            at = block.find(self._newline_bytes, at + 1)
        return at + len(self._newline_bytes) if at >= 0 else 0

    def _unquoted_line_ends(self, block: bytes) -> Positions:
        """Units in the block just after every line end that ends a record."""
        content = np.frombuffer(block, self._unit, count=len(block) // self._unit.itemsize)
        escaped = self._escaped(content)
        toggles = self._toggles(content, escaped)
        was_quoted = self._is_quoted
        self._is_lost = self._follows_escape(content, toggles, was_quoted)
        self._is_quoted ^= bool(len(toggles) % 2)
        self._is_continued = escaped is not None and len(escaped) > 0 and bool(escaped[-1])
        if was_quoted and not len(toggles):
            return _NONE
        ends = np.flatnonzero(content == self._newline)
        if escaped is not None:
            ends = ends[~escaped[ends]]
        if len(toggles):
            ends = ends[(np.searchsorted(toggles, ends) + was_quoted) % 2 == 0]
        if self._newline == _CR and len(ends):
            followed = np.append(content, _LF)[ends + 1]
            ends = ends[followed != _LF]
        return ends + 1

    def _escaped(self, content: Units) -> Mask | None:
        """Which units an escape takes their meaning; ``None`` if the dialect has no escapes."""
        if self._escape is None:
            return None
        escaped = np.zeros(len(content), bool)
        escapes = np.flatnonzero(content == self._escape)
        if len(escapes):
            escaped[after_odd_runs(escapes, len(content))] = True
        return escaped

    def _follows_escape(self, content: Units, toggles: Positions, was_quoted: bool) -> bool:
        """Whether an escape follows a closing quote, where ``csv.reader`` takes it for text.

        What the next ones mean then depends on each of them; the rest of the file stays uncut.
        """
        if self._escape is None:
            return False
        after = toggles[int(not was_quoted) :: 2] + 1
        return bool((content[after[after < len(content)]] == self._escape).any())

    def _toggles(self, content: Units, escaped: Mask | None) -> Positions:
        """Where quoting begins or ends."""
        if self._quote is None:
            return _NONE
        quotes = np.flatnonzero(content == self._quote)
        if escaped is not None:
            quotes = quotes[~escaped[quotes]]
        if not len(quotes):
            return _NONE
        opening = quotes[int(self._is_quoted) :: 2]
        before = content[opening - 1]
        begins_cell = self._openers[np.minimum(before, 255)] | (before == self._quote)
        if escaped is not None:
            begins_cell &= ~escaped[opening - 1]
        if len(opening) and opening[0] == 0:
            begins_cell[0] = not self._is_continued
        return quotes if begins_cell.all() else self._toggles_one_by_one(content, quotes, escaped)

    def _toggles_one_by_one(
        self, content: Units, quotes: Positions, escaped: Mask | None
    ) -> Positions:
        """The same for a block with stray quotes inside of cells."""
        is_quoted, last_close = self._is_quoted, -2
        toggles = []
        for at in quotes.tolist():
            if is_quoted:
                is_quoted, last_close = False, at
            elif at - 1 == last_close or self._begins_cell(content, at, escaped):
                is_quoted = True
            else:
                continue
            toggles.append(at)
        return np.array(toggles, np.intp)

    def _begins_cell(self, content: Units, at: int, escaped: Mask | None) -> bool:
        if self._skips_space:
            while at and content[at - 1] == _SPACE:
                at -= 1
        if at == 0:
            return not self._is_continued
        is_mark = escaped is None or not escaped[at - 1]
        return is_mark and bool(self._openers[min(int(content[at - 1]), 255)])

    def _resync(self) -> None:
        """Give up the first line of a record that does not end, and go on after it."""
        scanned_to = max(self._at, self._record_start)
        self._file.seek(self._record_start)
        at = self._record_start
        while block := self._file.read(BLOCK_BYTES):
            found = self._first_line_end(block)
            if found:
                at += found
                break
            at += len(block)
        self._budget -= max(0, scanned_to - at)
        if self._budget < 0:
            raise UnreadableFileError("quotes are unbalanced in many rows; export the table again")
        self._at = self._record_start = at
        self._is_quoted = self._is_continued = False
