"""Words found without the search index."""

from __future__ import annotations

from typing import Protocol

from domain.models.search import Match, SearchFilter


class FullText(Protocol):
    """Finds stored records by their words. It stands in for an index that gives no answer."""

    async def search(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        """Records with any of the text's words (English, stemmed), best first.

        A match shows the beginning of its record, or the part that fits the text. ``where`` looks
        at the whole record. Slower than an index by an order of magnitude, and less discerning:
        of very common words it looks at some of the records only.

        Raises:
            StoreUnavailableError: no answer.
        """
        ...
