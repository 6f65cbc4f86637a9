"""Known names found in running text. All names are invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.correlation import NameDictionary, mentions_in, shortened


def found(text: str, *names: tuple[str, int]) -> list[tuple[str, set[int]]]:
    return [
        (text[one.start : one.end], set(one.ids))
        for one in mentions_in(text, NameDictionary(names))
    ]


@pytest.mark.parametrize(
    ("text", "name", "as_written"),
    [
        ("We met Acme today", "Acme", "Acme"),
        ("we met ACME-CORP, twice", "Acme Corp", "ACME-CORP"),
        ("Zoe\nÅkerström called", "zoé akerstrom", "Zoe\nÅkerström"),
        ("ask O’Hara.", "O'Hara", "O’Hara"),
        ("in bug-tamsinokoro-Lantern", "lantern", "Lantern"),
        ("product_dev_Lantern", "Lantern", "Lantern"),
    ],
)
def test_a_name_is_found_whatever_its_case_accents_and_punctuation(
    text: str, name: str, as_written: str
) -> None:
    assert found(text, (name, 1)) == [(as_written, {1})]


def test_a_name_within_a_word_is_not_found() -> None:
    assert found("acmes, Macme and acme2", ("Acme", 1)) == []


def test_the_longest_of_several_names_is_taken() -> None:
    names = [("Acme", 1), ("Acme Europe", 2), ("Europe", 3)]

    assert found("Acme Europe and Acme", *names) == [("Acme Europe", {2}), ("Acme", {1})]


def test_names_that_follow_one_another_are_all_found() -> None:
    assert [ids for _, ids in found("Acme Lantern Acme", ("Acme", 1), ("Lantern", 2))] == [
        {1},
        {2},
        {1},
    ]


def test_a_name_of_several_entities_has_all_of_them() -> None:
    assert found("John Smith", ("John Smith", 1), ("john smith", 2)) == [("John Smith", {1, 2})]


def test_an_empty_dictionary_finds_nothing() -> None:
    assert found("Acme") == []


def test_a_name_without_words_is_not_looked_for() -> None:
    assert found("what - ever", ("-", 1), ("  ", 2)) == []


def test_a_long_name_is_found_by_its_beginning() -> None:
    names = [(part, 1) for part in shortened("Brightline Steam Iron GC19, 1440 W, blue")]

    assert found("My Brightline steam iron GC19 leaks", *names) == [
        ("Brightline steam iron GC19", {1})
    ]


def test_a_short_name_is_not_shortened_further() -> None:
    assert list(shortened("Brightline Iron")) == ["brightline iron"]


@given(st.text(), st.lists(st.text(max_size=4), max_size=5))
def test_what_is_found_lies_in_order_within_the_text(text: str, names: list[str]) -> None:
    mentions = mentions_in(text, NameDictionary((name, name) for name in names))
    ends = [0, *(one.end for one in mentions)]

    assert all(
        end <= one.start < one.end <= len(text) for end, one in zip(ends, mentions, strict=False)
    )
