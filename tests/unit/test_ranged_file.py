"""A file that is fetched window by window reads like one that lies here."""

from __future__ import annotations

import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.s3.ranged_file import FIRST_WINDOW_BYTES, ranged_file

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * 8 * 1024  # 2 MiB


class Fetches:
    """Bytes that are fetched, and which pieces were asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.lengths: list[int] = []

    def __call__(self, start: int, length: int) -> bytes:
        self.lengths.append(length)
        return self._content[start : start + length]


@given(st.lists(st.tuples(st.integers(0, len(CONTENT) + 10), st.integers(0, 700_000)), max_size=12))
def test_jumps_and_reads_give_what_a_file_gives(steps: list[tuple[int, int]]) -> None:
    ours = ranged_file(Fetches(CONTENT), len(CONTENT), read_ahead_bytes=MIB)
    theirs = io.BytesIO(CONTENT)
    for position, length in steps:
        assert ours.seek(position) == theirs.seek(position)
        assert ours.read(length) == theirs.read(length)


def test_lines_come_as_from_a_file() -> None:
    content = b"".join(b"%d\n" % number for number in range(200_000))
    file = ranged_file(Fetches(content), len(content), read_ahead_bytes=MIB)
    assert list(file) == content.splitlines(keepends=True)


def test_reading_straight_on_fetches_ever_larger_windows_up_to_the_limit() -> None:
    fetches = Fetches(CONTENT)
    file = ranged_file(fetches, len(CONTENT), read_ahead_bytes=MIB)
    while file.read(64 * 1024):
        pass
    assert fetches.lengths == [FIRST_WINDOW_BYTES, 2 * FIRST_WINDOW_BYTES, MIB, MIB // 4]


def test_the_directory_of_an_archive_costs_small_windows() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("large", bytes(30 * MIB))
        archive.writestr("small", b"x")
    content = packed.getvalue()
    fetches = Fetches(content)
    with zipfile.ZipFile(ranged_file(fetches, len(content), read_ahead_bytes=8 * MIB)) as archive:
        assert archive.read("small") == b"x"
    assert sum(fetches.lengths) < MIB


def test_an_empty_object_is_an_empty_file() -> None:
    assert ranged_file(Fetches(b""), 0, read_ahead_bytes=MIB).read() == b""
