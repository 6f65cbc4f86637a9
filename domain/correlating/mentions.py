"""Finding known names in running text, in one pass however many names there are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

import ahocorasick

from domain.correlating.normal import folded, words
from domain.models.links import Id

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FEWEST_WORDS, _FEWEST_CHARACTERS = 3, 12


@dataclass(frozen=True, slots=True)
class FoundName(Generic[Id]):
    """A known name in a text, ``text[start:end]``. ``ids`` are all entities that have the name."""

    start: int
    end: int
    ids: frozenset[Id]


class NameDictionary(Generic[Id]):
    """Names and whose they are, ready for being found in texts; does not change once it is made.

    Names are found as whole words, whatever their case, accents and punctuation. Takes about 1 KiB
    a name. Not thread-safe while it is made, safe to read from several threads afterwards.
    """

    def __init__(self, names: Iterable[tuple[str, Id]]) -> None:
        owners: dict[str, set[Id]] = {}
        for name, id in names:
            if normal := " ".join(words(name)):
                owners.setdefault(normal, set()).add(id)
        self._automaton = ahocorasick.Automaton()
        for name, ids in owners.items():
            self._automaton.add_word(f" {name} ", (len(name), frozenset(ids)))
        self._automaton.make_automaton()

    def __len__(self) -> int:
        return len(self._automaton)

    def find(self, text: str) -> Iterator[FoundName[Id]]:
        if not self:
            return
        line, places, spans = _one_line(text)
        after = 0
        for start, end, ids in sorted(self._matches(line), key=lambda one: (one[0], -one[1])):
            if start >= after:
                first, last = bisect_right(places, start) - 1, bisect_right(places, end - 1) - 1
                yield FoundName(spans[first][0], spans[last][1], ids)
                after = end

    def _matches(self, line: str) -> Iterator[tuple[int, int, frozenset[Id]]]:
        for last, (length, ids) in self._automaton.iter(line):
            yield last - length, last, ids


def mentions_in(text: str, dictionary: NameDictionary[Id]) -> list[FoundName[Id]]:
    """The known names in a text, in their order, none within another.

    Where several begin at one word the longest is taken, so "Acme Europe" is not also "Acme".
    """
    return list(dictionary.find(text))


def shortened(name: str) -> Iterator[str]:
    """A long name and what people leave of it: its beginnings of three words or more.

    A shop's "Philips Steam Iron GC1905, 1440 W, blue" is a "Philips Steam Iron GC1905" to those
    who write about it. In a dictionary a beginning that several names share has all their ids.
    """
    parts = words(name)
    for count in range(_FEWEST_WORDS, len(parts)):
        beginning = " ".join(parts[:count])
        if len(beginning) >= _FEWEST_CHARACTERS:
            yield beginning
    if parts:
        yield " ".join(parts)


def _one_line(text: str) -> tuple[str, list[int], list[tuple[int, int]]]:
    """The text's words with one blank around each; where each begins in that line and the text."""
    pieces, places, spans, length = [" "], [], [], 1
    for match in _WORD.finditer(text):
        word = folded(match[0]).replace("'", "").replace("’", "")
        pieces.append(f"{word} ")
        places.append(length)
        spans.append(match.span())
        length += len(word) + 1
    return "".join(pieces), places, spans
