"""An object as a seekable file that reads ahead."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO, cast

FIRST_WINDOW_BYTES = 256 * 1024
Fetch = Callable[[int, int], bytes]
"""From (start, length) to exactly these bytes."""


def ranged_file(fetch: Fetch, size: int, *, read_ahead_bytes: int) -> BinaryIO:
    """A buffered file over ``fetch``; holds at most ``read_ahead_bytes`` of the object."""
    return cast(BinaryIO, io.BufferedReader(_RangedFile(fetch, size, read_ahead_bytes)))


class _RangedFile(io.RawIOBase):
    """Fetches windows: small after a jump, twice as large each time that reading goes straight on.

    So the directory of an archive costs little, and long members few calls.
    """

    def __init__(self, fetch: Fetch, size: int, read_ahead_bytes: int) -> None:
        self._fetch = fetch
        self._size = size
        self._most = read_ahead_bytes
        self._position = 0
        self._start = 0
        self._window = b""
        self._next_bytes = min(FIRST_WINDOW_BYTES, read_ahead_bytes)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if self._position >= self._size:
            return 0
        if not self._start <= self._position < self._start + len(self._window):
            self._fetch_window()
        view = memoryview(buffer).cast("B")
        begin = self._position - self._start
        piece = memoryview(self._window)[begin : begin + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch_window(self) -> None:
        goes_on = self._position == self._start + len(self._window)
        smallest = min(FIRST_WINDOW_BYTES, self._most)
        length = self._next_bytes if goes_on else smallest
        # The old window goes before the new one comes: never two of them in memory.
        self._window = b""
        self._start = self._position
        self._window = self._fetch(self._start, min(length, self._size - self._start))
        self._next_bytes = min(2 * length, self._most)
