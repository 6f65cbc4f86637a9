"""Records that are stored, and not in the search index yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.models.search import Match, SearchFilter


class ArrivingRecords(Protocol):
    """Finds records by their words from the moment that they are staged.

    A record arrives when ``Records.stage`` says that it needs embedding, and is there once the
    index has been given it, by chunks of its own or by its group's passages. It is found for some
    seconds more, until all readers of the index have seen what was written. Every method may raise
    ``StoreUnavailableError``.
    """

    async def search(self, text: str, *, limit: int, where: SearchFilter) -> Sequence[Match]:
        """Arriving records with any of the text's words, as ``FullText.search`` finds them.

        Best first. The score is about the share of the text's words that the record has: 1 for
        all. ``is_new`` says of a match that the index does not hold the record's present content.
        Of very common words it looks at some of the records only.
        """
        ...

    async def moment(self) -> int | None:
        """The store's time in seconds since 1970 if there is any arriving record, else ``None``.

        Cheap enough to be asked every second.
        """
        ...

    async def sweep(self) -> int:
        """Forget the records that are there by now; returns how many. A repeat does no harm."""
        ...
