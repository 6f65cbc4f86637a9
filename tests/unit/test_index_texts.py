"""What the index of tantivy looks up has to let pass all that the domain's rules do."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import product

import pytest

from actors.adapters.tantivy_faiss.texts import (
    PhraseTokens,
    asked_name,
    folded,
    name_starts,
    phrase_tokens,
    signs_of,
    words_in_order,
)
from domain.text_conditions import contains, is_by
from domain.words import indexed_words

PARTS = ("ann", "Ann", "_", "lee", "東", "京都", "é", "++", " ", "\n", ".", "İ", "ﬆ")
TEXTS = ["".join(parts) for count in (1, 2, 3) for parts in product(PARTS, repeat=count)]
PHRASES = sorted({text.strip() for text in TEXTS if text.strip()})[::31]


class Indexed:
    """A text, as the rules read it and as the index keeps it."""

    def __init__(self, text: str) -> None:
        self.text = indexed_words(text)
        self.tokens = words_in_order(text).split(" ")
        self.signs = signs_of(text)

    def may_contain(self, asked: PhraseTokens) -> bool:
        runs = zip(*(self.tokens[at:] for at in range(len(asked.words))), strict=False)
        return (
            (not asked.words or asked.words in runs)
            and self.signs.issuperset(asked.signs)
            and all(other in self.tokens for other in asked.others)
        )


LETTERS = [*map(chr, (*range(0x41, 0x2000), *range(0xA640, 0xA700), *range(0xFB00, 0xFB07)))]


def test_letters_are_one_where_the_rules_see_one() -> None:
    kinds = defaultdict(set)
    for letter in filter(str.isalpha, LETTERS):
        kinds[folded(letter)].add(letter)
    for odd in "iksİıſµιΐϐϵϑϰϖϱΣςϕΰᲀᲁᲂᲃᲄᲅᲆᲇᲈẛﬆ":
        same = re.compile(odd, re.IGNORECASE).fullmatch
        assert kinds[folded(odd)] == {one for one in LETTERS if one.isalpha() and same(one)}, odd


def test_no_text_that_contains_a_phrase_is_passed_over() -> None:
    texts = [Indexed(text) for text in TEXTS]
    for phrase in PHRASES:
        asked = phrase_tokens(phrase)
        for each in texts:
            does, may = contains(phrase, each.text), each.may_contain(asked)
            assert may or not does, (phrase, each.text)
            assert may == does or not asked.is_all, (phrase, each.text)


@pytest.mark.parametrize("name", ["ann", "lee", "ann le", "_ann", "東", "京都", "é", "++", "nn"])
def test_no_author_that_a_name_begins_is_passed_over(name: str) -> None:
    asked = asked_name(name)
    for author in TEXTS:
        starts = {"", *name_starts(author)}
        assert any(start.startswith(asked) for start in starts) or not is_by(name, [author])
