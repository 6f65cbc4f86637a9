"""The words of a text as the keyword leg compares them.

Weaviate neither stems nor leaves out our stop words, so both happen here, for texts and queries
alike; Weaviate only counts the words. What one version has written, the next must still find:
whoever changes this raises ``SCHEMA_VERSION`` in ``collection.py``. Where no spaces are between
words, ``domain.words`` comes first.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer

MAX_WORD_CHARS = 64
MAX_QUERY_WORDS = 256
STEMS_AT_HAND = 100_000

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a an and are as at be but by for if in into is it no not of on or such that the their "
        "then there these they this to was will with"
    )
)
_UNDECOMPOSED = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th"})

_stemmer = snowballstemmer.stemmer("english")
_stemming = threading.Lock()


def words_of(text: str) -> str:
    """The words of ``text``, in order, joined by spaces: folded, stemmed, without stop words."""
    found = (word for word in _WORD.findall(_folded(text)) if len(word) <= MAX_WORD_CHARS)
    return " ".join(_stem(word) for word in found if word not in _STOP_WORDS)


def query_words_of(text: str) -> str:
    """The same of a query, but not more words than an index can digest."""
    return " ".join(words_of(text).split()[:MAX_QUERY_WORDS])


def _folded(text: str) -> str:
    """In lower case and without accents."""
    text = text.casefold()
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text).translate(_UNDECOMPOSED)
    return "".join(part for part in parts if not unicodedata.combining(part))


@lru_cache(maxsize=STEMS_AT_HAND)
def _stem(word: str) -> str:
    # The stemmer keeps the word it works on in itself; queries and imports are in two threads.
    with _stemming:
        stem: str = _stemmer.stemWord(word)
    return stem
