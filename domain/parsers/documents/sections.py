"""Where in a document's headings a text stands."""

from __future__ import annotations

_MAX_HEADING_CHARS = 200


class HeadingPath:
    """The headings above the present place, outermost first: ``Policy > Leave > Sick leave``."""

    def __init__(self) -> None:
        self._headings: list[tuple[int, str]] = []

    def enter(self, level: int, heading: str) -> None:
        """A heading of the level, 1 the highest, which ends all those of its level and below."""
        self._headings = [(above, text) for above, text in self._headings if above < level]
        self._headings.append((level, " ".join(heading.split())[:_MAX_HEADING_CHARS]))

    def __str__(self) -> str:
        return " > ".join(text for _, text in self._headings if text)
