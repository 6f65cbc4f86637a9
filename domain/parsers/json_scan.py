"""Finding where JSON values begin and end, at the speed of memory and without parsing them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from domain.errors import UnreadableFileError
from domain.parsers.byte_runs import after_odd_runs
from domain.parsers.forms import (
    BLOCK_BYTES,
    MAX_RAW_BYTES,
    MAX_RECORD_BYTES,
    ByteStream,
    Rejoined,
    read_fully,
)

_QUOTE, _BACKSLASH, _COMMA = ord('"'), ord("\\"), ord(",")
_OPENERS, _CLOSERS = b"[{", b"]}"
_STEP = np.zeros(256, np.int8)
_STEP[list(_OPENERS)] = 1
_STEP[list(_CLOSERS)] = -1
_IS_STRUCTURE = _STEP != 0
_IS_STRUCTURE[_COMMA] = True
_BLANK = b" \t\r\n"
_CLOSING_ARRAY = ord("]")
_MAX_RESTARTS = 1000
_MISMATCH = "a bracket closes what was never opened so"
_TOO_LARGE = (
    f"the value has more than {MAX_RECORD_BYTES // 1024**2} MiB, or its brackets do not match; "
    "split or mend it"
)

Mark = tuple[int, int, int]
"""A bracket or comma outside of strings: its offset, its character, its level.

The level counts the brackets that are open around it.
"""


# Not frozen: setting the fields of a frozen one takes as long as finding the value.
@dataclass(slots=True)
class Element:
    """A value's bytes without the white space around them, or why there is no value."""

    raw: bytes
    start: int
    end: int
    error: str = ""


class StructureScanner:
    """Finds brackets and commas up to a level, block by block; remembers strings and depth."""

    def __init__(self, *, level: int = 0) -> None:
        self._depth = level
        self._in_string = False

    def marks(self, block: bytes, *, max_level: int) -> Iterator[Mark]:
        """The marks of the next block, which must not end with a backslash."""
        content = np.frombuffer(block, np.uint8)
        at = np.flatnonzero(_IS_STRUCTURE[content])
        at = at[self._outside_strings(content)[at]]
        step = _STEP[content[at]]
        depth = self._depth + np.cumsum(step, dtype=np.int64)
        if len(depth):
            self._depth = int(depth[-1])
        level = depth - (step == 1)
        shallow = level <= max_level
        return zip(
            at[shallow].tolist(),
            content[at[shallow]].tolist(),
            level[shallow].tolist(),
            strict=True,
        )

    def _outside_strings(self, content: NDArray[np.uint8]) -> NDArray[np.bool_]:
        is_quote = (content == _QUOTE).view(np.uint8)
        backslashes = np.flatnonzero(content == _BACKSLASH)
        if len(backslashes):
            is_quote[after_odd_runs(backslashes, len(content))] = 0
        # Eight bits overflow, but whether a count is odd survives that.
        parity = np.cumsum(is_quote, dtype=np.uint8) & 1
        outside = parity == self._in_string
        if len(parity):
            self._in_string ^= bool(parity[-1])
        return np.asarray(outside)


class ElementReader:
    """The elements of an array that is open already, or else the values that follow each other.

    An element of more than 16 MiB, or one that never ends, is told by an error. ``rest`` holds
    what follows the array's end, up to 16 MiB, and stands at ``rest_start``.
    """

    def __init__(self, stream: ByteStream, *, start: int, in_array: bool) -> None:
        self._stream = stream
        self._home = int(in_array)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._base = start
        self._restarts = 0
        self.rest = b""
        self.rest_start = start

    def elements(self, *, is_first: bool = True, is_last: bool = True) -> Iterator[Element]:
        """Every element of a slice; the array's first and last one may need no comma."""
        scanner = StructureScanner(level=self._home)
        awaits_value = not is_first and self._home == 1
        while block := _next_block(self._stream):
            done = 0
            for at, char, level in scanner.marks(block, max_level=self._home):
                if char == _COMMA and level == self._home:
                    yield from self._finish(block[done:at], is_required=self._home == 1)
                    self._base, done, awaits_value = self._base + 1, at + 1, True
                elif level == self._home - 1 and char != _COMMA and char in _CLOSERS:
                    yield from self._close(block, done, at, is_required=awaits_value)
                    if self._home == 1:
                        return
                    scanner, done, awaits_value = StructureScanner(), len(block), False
                    break
                elif level == self._home == 0 and char in _CLOSERS:
                    yield from self._finish(block[done : at + 1], is_required=False)
                    done, awaits_value = at + 1, False
            self._keep(block[done:])
        yield from self._end(is_last=is_last, awaits_value=awaits_value)

    def _keep(self, part: bytes) -> None:
        self._pending_bytes += len(part)
        if self._pending_bytes <= MAX_RECORD_BYTES:
            self._pending.append(part)
        elif len(self._pending) != 1 or len(self._pending[0]) > MAX_RAW_BYTES:
            self._pending = [b"".join([*self._pending, part])[:MAX_RAW_BYTES]]

    def _finish(self, part: bytes, *, is_required: bool, error: str = "") -> Iterator[Element]:
        """The element that ends with ``part``, unless it is blank and may be."""
        self._keep(part)
        raw, size = b"".join(self._pending), self._pending_bytes
        begin, self._base = self._base, self._base + size
        self._pending, self._pending_bytes = [], 0
        if size > MAX_RECORD_BYTES:
            yield Element(raw, begin, begin + size, error or _TOO_LARGE)
            return
        stripped = raw.lstrip(_BLANK)
        start = begin + size - len(stripped)
        stripped = stripped.rstrip(_BLANK)
        if stripped:
            yield Element(stripped, start, start + len(stripped), error)
        elif is_required or error:
            yield Element(b"", begin, begin + size, error or "there is no value between commas")

    def _close(self, block: bytes, done: int, at: int, *, is_required: bool) -> Iterator[Element]:
        """At a closing bracket: the array's own, or one that nothing has opened."""
        if self._home == 1:
            yield from self._finish(block[done:at], is_required=is_required)
            if block[at] != _CLOSING_ARRAY:
                yield Element(block[at : at + 1], self._base, self._base + 1, _MISMATCH)
            self.rest_start = self._base + 1
            self.rest = block[at + 1 :] + read_fully(self._stream, MAX_RECORD_BYTES)
            return
        yield from self._finish(block[done : at + 1], is_required=False, error=_MISMATCH)
        self._restarts += 1
        if self._restarts > _MAX_RESTARTS:
            raise UnreadableFileError("brackets do not match in many places; export the file again")
        self._stream = Rejoined(block[at + 1 :], self._stream)

    def _end(self, *, is_last: bool, awaits_value: bool) -> Iterator[Element]:
        """At the stream's end, which is the array's only if the slice is not the last one."""
        if self._home == 1 and is_last:
            yield from self._finish(b"", is_required=True, error="the array is never closed")
        else:
            is_dangling = is_last and awaits_value and self._home == 0
            yield from self._finish(b"", is_required=is_dangling)


def element_borders(file: BinaryIO, start: int, *, in_array: bool) -> Iterator[int]:
    """Offsets just after every comma of the open array, or after every value at the top level."""
    home = int(in_array)
    scanner = StructureScanner(level=home)
    file.seek(start)
    base = start
    while block := _next_block(file):
        for at, char, level in scanner.marks(block, max_level=home):
            if level < home and char in _CLOSERS:
                return
            if level == home and (char == _COMMA if in_array else char in _CLOSERS):
                yield base + at + 1
        base += len(block)


def _next_block(stream: ByteStream) -> bytes:
    """A block that does not end within an escape."""
    block = stream.read(BLOCK_BYTES)
    while block.endswith(b"\\") and (more := stream.read(1)):
        block += more
    return block
