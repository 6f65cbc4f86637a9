"""Finding known names in running text."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic

import ahocorasick

from domain.models.links import Id


@dataclass(frozen=True, slots=True)
class FoundName(Generic[Id]):
    """A known name in a text: ``text[start:end]``; ``ids`` are all entities that have the name."""

    start: int
    end: int
    ids: frozenset[Id]


class NameDictionary(Generic[Id]):
    """Names and whose they are, prepared for finding them in texts in one pass."""

    def __init__(self, names: Iterable[tuple[str, Id]]) -> None:
        owners: dict[str, set[Id]] = {}
        for name, id in names:
            if name.strip():
                owners.setdefault(name.strip().lower(), set()).add(id)
        self._automaton = ahocorasick.Automaton()
        for name, ids in owners.items():
            self._automaton.add_word(name, (len(name), frozenset(ids)))
        self._automaton.make_automaton()

    def __len__(self) -> int:
        return len(self._automaton)

    def find(self, text: str) -> list[FoundName[Id]]:
        if not self:
            return []
        lowered = text.lower()
        found = [
            FoundName(end + 1 - length, end + 1, ids)
            for end, (length, ids) in self._automaton.iter_long(lowered)
        ]
        return [one for one in found if _stands_alone(lowered, one)]


def mentions_in(text: str, dictionary: NameDictionary[Id]) -> list[FoundName[Id]]:
    """The known names in a text, in their order; the longest where several begin at one place."""
    return dictionary.find(text)


def _stands_alone(text: str, found: FoundName[Hashable]) -> bool:
    before, after = text[found.start - 1 : found.start], text[found.end : found.end + 1]
    return not (before.isalnum() or after.isalnum())
