"""The part of a text that shows best why it was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

ELLIPSIS = "…"

_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")


def snippet(text: str, query: str, max_chars: int = 240) -> str:
    """A window of ``text`` of at most ``max_chars`` with the most of the query's words.

    English endings do not keep words from matching. Whitespace is
    collapsed; an ellipsis stands for what is cut off; windows begin and end between words.
    """
    flat = " ".join(text.split())
    if len(flat) <= max_chars:
        return flat
    room = max(1, max_chars - 2 * len(ELLIPSIS))
    start = _best_start(flat, stems_of(query), room)
    return _cut(flat, start, room)


def stems_of(text: str) -> set[str]:
    """The different words of a text without their English endings."""
    return {_stem(word) for word in _WORD.findall(text)}


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return _ENDING.sub("", word.casefold())


def wanted_words(text: str, wanted: Collection[str]) -> list[tuple[int, int, str]]:
    """Where the words of ``text`` with the ``wanted`` stems begin and end, and their stems."""
    folded = text.casefold()
    if len(folded) == len(text):
        # Looking for each is several times as fast as looking at every word.
        return sorted(one for stem in wanted for one in _words_of_stem(folded, stem))
    return [
        (found.start(), found.end(), stem)
        for found in _WORD.finditer(text)
        if (stem := _stem(found.group())) in wanted
    ]


def _words_of_stem(folded: str, stem: str) -> Iterator[tuple[int, int, str]]:
    at = folded.find(stem)
    while at >= 0:
        end = at + len(stem)
        if not (at and _WORD.match(folded, at - 1)) and (word := _WORD.match(folded, at)):
            end = word.end()
            if _stem(word.group()) == stem:
                yield at, end, stem
        at = folded.find(stem, end)


def _best_start(flat: str, wanted: set[str], room: int) -> int:
    """Where the window with the most different wanted words begins; they are in its middle.

    Of equals the one in which they stand closest together, then the first.
    """
    matches = wanted_words(flat, wanted)
    best_start, best = 0, (0, 0)
    counts: dict[str, int] = {}
    first = 0
    for _, end, stem in matches:
        counts[stem] = counts.get(stem, 0) + 1
        while counts[matches[first][2]] > 1 or end - matches[first][0] > room:
            if matches[first][1] == end:  # A word longer than the window.
                break
            left = matches[first][2]
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            first += 1
        span = end - matches[first][0]
        if (len(counts), -span) > best:
            spare = room - span
            best_start, best = max(0, matches[first][0] - max(0, spare) // 2), (len(counts), -span)
    return best_start


def _cut(flat: str, start: int, room: int) -> str:
    if start + room >= len(flat):
        start = len(flat) - room
    if start > 0:
        space = flat.find(" ", start - 1, start + room // 4)
        start = space + 1 if space >= 0 else start
    end = min(len(flat), start + room)
    if end < len(flat):
        space = flat.rfind(" ", end - room // 4, end + 1)
        end = space if space > start else end
    return (ELLIPSIS if start else "") + flat[start:end] + (ELLIPSIS if end < len(flat) else "")
