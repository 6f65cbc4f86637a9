"""Versions compare as PEP 440 says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidQueryError
from domain.versions import is_below, parse_version


@pytest.mark.parametrize(
    ("version", "limit"),
    [("2.9", "2.10"), ("2.0rc1", "2.0"), ("1", "1.1"), ("0.9", "1"), ("unknown", "0.1")],
)
def test_an_earlier_version_is_below(version: str, limit: str) -> None:
    assert is_below(version, limit)


@pytest.mark.parametrize(("version", "limit"), [("2.1", "2.1"), ("2.1.0", "2.1"), ("10", "9")])
def test_an_equal_or_later_version_is_not_below(version: str, limit: str) -> None:
    assert not is_below(version, limit)


def test_a_limit_that_is_no_version_is_refused_with_the_fix() -> None:
    with pytest.raises(InvalidQueryError, match=r"write it like 2\.1"):
        is_below("1", "latest")


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(1, 9))
def test_raising_the_last_number_raises_the_version(numbers: list[int], by: int) -> None:
    version = ".".join(map(str, numbers))
    higher = ".".join(map(str, [*numbers[:-1], numbers[-1] + by]))
    assert is_below(version, higher)
    assert not is_below(higher, version)
    assert parse_version(version) < parse_version(higher)
