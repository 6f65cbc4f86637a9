from __future__ import annotations

import pytest

from domain.words import asked_words, indexed_words, pairs_of, without_unspaced


@pytest.mark.parametrize("text", ["", "the pump", "Müller naïve", "привет мир", "שלום"])
def test_words_with_spaces_between_them_stay_as_they_are(text: str) -> None:
    assert (indexed_words(text), asked_words(text), pairs_of(text)) == (text, text, [])


def test_a_text_keeps_itself_and_gains_characters_and_pairs() -> None:
    assert indexed_words("新契約 ok") == "新契約 ok\n新 契 約 新契 契約"


def test_words_of_other_scripts_are_set_apart_from_their_neighbours() -> None:
    assert indexed_words("Haskellの型").splitlines()[1] == "Haskell の 型 の型"


@pytest.mark.parametrize(
    ("query", "asked"), [("契約更新", "契約 約更 更新"), ("猫", "猫"), ("Ray の型", "Ray の型")]
)
def test_a_query_asks_for_pairs_and_for_a_lone_character_by_itself(query: str, asked: str) -> None:
    assert asked_words(query).split() == asked.split()


def test_narrow_and_wide_forms_are_the_same() -> None:
    assert asked_words("ｱﾒﾘｶ").split() == asked_words("アメリカ").split()


def test_what_is_not_unspaced_is_left_when_the_rest_is_taken_out() -> None:
    assert without_unspaced("Haskellの型 class").split() == ["Haskell", "class"]


def test_signs_beyond_ascii_are_none_of_the_words_beside_them() -> None:
    assert without_unspaced("“naïve”—don’t…").split() == ["naïve", "don", "t..."]
