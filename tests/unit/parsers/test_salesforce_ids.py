"""Salesforce ids and how 15 characters become 18."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.parsers.salesforce_ids import full_id, sure_id

short_ids = st.text(string.ascii_letters + string.digits, min_size=14, max_size=14).map(
    lambda text: f"{text}7"
)


def test_the_documented_example_gets_its_suffix() -> None:
    assert full_id("001A0000006Vm9r") == "001A0000006Vm9rIAC"


@given(short_ids)
def test_a_full_id_stays_as_it_is(short: str) -> None:
    full = full_id(short)
    assert full is not None
    assert len(full) == 18
    assert full_id(full) == full


@given(short_ids, short_ids)
def test_ids_that_differ_by_case_only_stay_apart_even_without_it(one: str, other: str) -> None:
    other = "".join(a if a.lower() == b.lower() else b for a, b in zip(other, one, strict=True))
    full, full_other = full_id(one), full_id(other)
    assert full is not None
    assert full_other is not None
    assert (full.lower() == full_other.lower()) == (one == other)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("001A0000006Vm9rIAD", id="wrong-suffix"),
        pytest.param("001A0000006Vm9", id="too-short"),
        pytest.param("internationally", id="a-word"),
        pytest.param("001A0000006Vm_r", id="no-such-character"),
        pytest.param("００1A0000006Vm9r", id="wide-digits"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert full_id(text) is None


def test_only_a_usual_beginning_makes_fifteen_characters_sure() -> None:
    assert sure_id("001A0000006Vm9r") == "001A0000006Vm9rIAC"
    assert sure_id("a0XA0000006Vm9r") is not None
    assert sure_id("zzzA0000006Vm9r") is None
