"""The words of texts that indexes compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.english import MAX_QUERY_WORDS, filling, query_words_of, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Several PUMPS were leaking", "sever pump leak", id="stemmed"),
        pytest.param("what is in which of the halls", "hall", id="without stop words"),
        pytest.param("Ümläut naïve Łódź Straße", "umlaut naiv lodz strass", id="without accents"),
        pytest.param("order_id=4711; a.b@c.test", "order id 4711 b c test", id="split at signs"),
        pytest.param("水泵 漏油", "水泵 漏油", id="other scripts"),
        pytest.param("घर में", "घर में", id="signs of vowels belong to their words"),
        pytest.param("x" * 65 + " pump", "pump", id="no words beyond any dictionary"),
        pytest.param("💧 \ud800 \x00", "", id="no words"),
    ],
)
def test_a_text_becomes_words(text: str, words: str) -> None:
    assert " ".join(words_of(text)) == words


def test_a_word_that_a_query_repeats_weighs_more() -> None:
    assert query_words_of("pump pumps valve") == ["pump", "pump", "valv"]


def test_a_query_has_as_many_words_as_an_index_can_digest() -> None:
    text = " ".join(f"word{n}" for n in range(2 * MAX_QUERY_WORDS))
    assert len(query_words_of(text)) == MAX_QUERY_WORDS


@given(st.integers(0, 5_000))
def test_a_text_is_made_longer_by_an_eighth_at_most(words: int) -> None:
    added = len(filling(words))
    assert 8 * added <= words
    assert not filling(words + added)


def test_short_texts_stay_as_long_as_they_are() -> None:
    assert [len(filling(words)) for words in (0, 1, 40, 41, 57)] == [0, 0, 0, 1, 3]
