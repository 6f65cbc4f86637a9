"""What a text or an author must be for a query's quoted phrases, excluded words and names.

A phrase is found where its words follow each other, in any case and with any signs or blanks
between them; its words are whole words, but for scripts that put no spaces between words. The
patterns are of the dialect that Python and Rust share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from domain.models.search import SearchFilter
from domain.words import UNSPACED, indexed_words

AUTHOR_KEYS = ("author", "speaker", "from", "user_id")
"""Metadata that name who wrote or said it."""

PLACE_KEYS = ("channel", "channel_id", "object", "sheet", "section", "call_id", "filename")
"""Metadata that name where it was written or said, within its source."""

_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
_WORD_RUN = re.compile(r"\w+")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$#&~-])")


def phrase_pattern(phrase: str) -> str:
    """Matches where ``phrase`` stands in a text, letters of either case being given."""
    words = _WORD_RUN.findall(phrase)
    if not words:
        return r"\s+".join(literal(part) for part in phrase.split())
    begin = "" if _UNSPACED_CHARACTER.match(words[0]) else r"\b"
    end = "" if _UNSPACED_CHARACTER.match(words[-1][-1]) else r"\b"
    return begin + r"\W+".join(words) + end


def name_pattern(name: str) -> str:
    """Matches a name that has these words one after the other, the last perhaps cut short.

    A leading ``@`` is no part of it.
    """
    words = _WORD_RUN.findall(name)
    if not words:
        return literal(name)
    start = "" if _UNSPACED_CHARACTER.match(words[0]) else r"\b"
    return start + r"(?:\W|_)+".join(words)


def word_count(text: str) -> int:
    """How many words the pattern of a phrase or name has to match."""
    return len(_WORD_RUN.findall(text))


def literal(text: str) -> str:
    """``text`` as a pattern of itself."""
    return _SPECIAL.sub(r"\\\1", text)


def contains(phrase: str, text: str) -> bool:
    """Whether ``phrase`` stands in ``text``."""
    return _compiled(phrase_pattern(phrase)).search(text) is not None


def is_by(name: str, authors: Iterable[str]) -> bool:
    """Whether ``name``, or the beginning of it, is that of one of ``authors``."""
    pattern = _compiled(name_pattern(name))
    return any(pattern.search(author) for author in authors)


def is_in(place: str, places: Iterable[str]) -> bool:
    """Whether ``place`` is one of ``places``, in whatever case."""
    return place.casefold() in {each.casefold() for each in places}


def are_met(where: SearchFilter, text: str, entries: Mapping[str, Any]) -> bool:
    """Whether a chunk is as ``where`` asks in what looks into texts.

    ``text`` is its title and text, ``entries`` its metadata with the author.
    """
    read = indexed_words(text)
    authors, places = named(entries, AUTHOR_KEYS), named(entries, PLACE_KEYS)
    return (
        all(contains(phrase, read) for phrase in where.phrases)
        and not any(contains(phrase, read) for phrase in where.excluded)
        and (not where.authors or any(is_by(name, authors) for name in where.authors))
        and (not where.places or any(is_in(place, places) for place in where.places))
    )


def named(metadata: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """The texts under these keys, items of lists each by themselves."""
    found: list[str] = []
    for key in keys:
        value = metadata.get(key)
        items = value if isinstance(value, list) else [value]
        found += [str(item) for item in items if isinstance(item, str | int) and item]
    return found


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
