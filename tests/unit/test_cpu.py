"""What the processor says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.cpu import multiplies_bf16


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu amx_bf16 avx512f\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512_bf16 avx512f\n", False),
        ("processor\t: 0\nmodel name\t: amx_bf16\n", False),
        ("", False),
    ],
)
def test_matrix_units_are_told_by_the_flags(cpuinfo: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert multiplies_bf16(tmp_path / "cpuinfo") is expected


def test_without_such_a_file_there_are_none(tmp_path: Path) -> None:
    assert not multiplies_bf16(tmp_path / "cpuinfo")
