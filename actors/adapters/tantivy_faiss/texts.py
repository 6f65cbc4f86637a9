"""What is indexed of texts and names so that ``domain.text_conditions`` need read few of them.

Words are runs of ``\\w``, as they are there, and letters have the one form that all cases of them
share, so that a phrase of whole words stands in a text exactly where its tokens do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from domain.words import UNSPACED, indexed_words, pairs_of

MAX_NAME_CHARS = 64
"""Of a name no more is looked up; what is found is compared in full."""

_WORD = re.compile(r"\w+")
_NAME_PART = re.compile(r"[^\W_]+")
_SIGN = re.compile(r"[^\w\s]|_")
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")

_SHARED_FORM = str.maketrans(
    "\u0130\u0131\u017f\u00b5\u1fbe\u1fd3\u03d0\u03f5\u03d1\u03f0\u03d6\u03f1\u03a3\u03c2\u03d5"
    "\u1fe3\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88\u1e9b\ufb06",
    "iis\u03bc\u03b9\u0390\u03b2\u03b5\u03b8\u03ba\u03c0\u03c1\u03c3\u03c3\u03c6"
    "\u03b0\u0432\u0434\u043e\u0441\u0442\u0442\u044a\u0463\ua64b\u1e61\ufb05",
)
"""Letters that ``re.IGNORECASE`` takes for others, although ``str.lower`` does not."""


def folded(text: str) -> str:
    """``text`` with the same letter wherever ``re.IGNORECASE`` sees the same."""
    return text.lower() if text.isascii() else text.translate(_SHARED_FORM).lower()


def words_in_order(text: str) -> str:
    """The words of a text, a blank between them: what phrases are looked for in."""
    return " ".join(_WORD.findall(folded(indexed_words(text))))


def signs_of(text: str) -> set[str]:
    """Characters that are neither letters, digits nor blanks."""
    return set(_SIGN.findall(folded(text)))


class PhraseTokens(NamedTuple):
    """What a text must have to contain a phrase: ``words`` one after the other, ``others`` and
    ``signs`` anywhere. With ``is_all`` no more is asked for than the words.
    """

    words: tuple[str, ...]
    others: tuple[str, ...]
    signs: tuple[str, ...]
    is_all: bool


def phrase_tokens(phrase: str) -> PhraseTokens:
    """Never more than every text has that ``text_conditions.contains`` the phrase."""
    words = _WORD.findall(folded(phrase))
    if not words:
        return PhraseTokens((), (), tuple(sorted(signs_of(phrase))), is_all=False)
    cut_begin = bool(_UNSPACED_CHARACTER.match(words[0]))
    cut_end = bool(_UNSPACED_CHARACTER.match(words[-1][-1]))
    whole = words[cut_begin : len(words) - cut_end]
    others: list[str] = []
    for word in dict.fromkeys([*words[:cut_begin], *words[len(words) - cut_end :]]):
        if _is_stable(word):
            others += pairs_of(word)
    is_all = not (cut_begin or cut_end)
    return PhraseTokens(tuple(whole), tuple(others), (), is_all=is_all)


def _is_stable(word: str) -> bool:
    return unicodedata.is_normalized("NFKC", word)


def asked_name(name: str) -> str:
    """What one of the ``name_starts`` of an author begins with that ``is_by`` says yes to."""
    return " ".join(_NAME_PART.findall(folded(name)))[:MAX_NAME_CHARS]


@lru_cache(maxsize=10_000)
def name_starts(author: str) -> frozenset[str]:
    """The name from each of its words on, and from each character of unspaced scripts."""
    parts = _NAME_PART.findall(folded(author))
    starts = set()
    for number, part in enumerate(parts):
        rest = " ".join([part, *parts[number + 1 :]])
        for at, character in enumerate(part):
            if at == 0 or _UNSPACED_CHARACTER.match(character):
                starts.add(rest[at : at + MAX_NAME_CHARS])
    return frozenset(starts)


def all_starts(authors: Iterable[str]) -> set[str]:
    """The starts of several names."""
    return {start for author in authors for start in name_starts(author)}
