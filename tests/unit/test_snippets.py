from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from domain.snippets import ELLIPSIS, snippet, stems_of, wanted_words

FILLER = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do " * 20


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    assert snippet("the  pump\n leaks", "pump") == "the pump leaks"


def test_the_window_lies_around_the_query_words() -> None:
    shown = snippet(FILLER + "the pumps were leaking badly " + FILLER, "pump leaks", 80)
    assert "the pumps were leaking badly" in shown
    assert shown.startswith(ELLIPSIS)
    assert shown.endswith(ELLIPSIS)


def test_more_different_words_beat_repetitions_of_one() -> None:
    text = "pump pump pump pump " + FILLER + "pump with oil " + FILLER
    assert "pump with oil" in snippet(text, "oil pump", 60)


def test_of_windows_with_the_same_words_the_one_that_has_them_together_is_shown() -> None:
    address = "https://a.example/b/c-17"
    text = f"see https or a.example: b, c {'or 17 ' * 8} {FILLER} {address} {FILLER}"
    assert address in snippet(text, address, 100)


def test_a_text_without_query_words_is_shown_from_its_start() -> None:
    shown = snippet(FILLER, "zebra", 50)
    assert shown.startswith("lorem ipsum")
    assert shown.endswith(ELLIPSIS)


def test_words_stay_whole() -> None:
    inside = snippet(FILLER, "adipiscing", 60).strip(ELLIPSIS)
    assert set(inside.split()) <= set(FILLER.split())


words = st.text(st.sampled_from("aAbBeEsSßİé_1 ,.-日本"), max_size=40)


@given(words, words)
def test_the_wanted_words_are_those_whose_stems_are_wanted(text: str, query: str) -> None:
    wanted = stems_of(query)
    assert wanted_words(text, wanted) == [
        (found.start(), found.end(), stem)
        for found in re.finditer(r"\w+", text)
        for stem in stems_of(found.group())
        if stem in wanted
    ]


@given(st.text(max_size=600), st.text(max_size=40), st.integers(3, 300))
def test_a_snippet_keeps_to_its_limit_whatever_the_text(text: str, query: str, limit: int) -> None:
    assert len(snippet(text, query, limit)) <= limit
