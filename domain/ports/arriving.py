"""Records that are stored, and not in the search index yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.models.search import Match, SearchFilter


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Whether there are arriving records, and whether any is new; ``now`` by the store's clock."""

    now: datetime
    are_any: bool
    are_new: bool


class ArrivingRecords(Protocol):
    """Finds records by their words from the moment that they are staged.

    A record arrives when ``Records.stage`` says that it needs embedding. It is new until the index
    has been given it, by chunks of its own or by its group's passages. From then on it is arriving
    to those whose view of the index is older: ``seen`` is the store's time when that was taken,
    ``None`` if it never was. Every method may raise ``StoreUnavailableError``.
    """

    async def search(
        self, text: str, *, limit: int, where: SearchFilter, seen: datetime | None
    ) -> Sequence[Match]:
        """Arriving records with any of the text's words, as ``FullText.search`` finds them.

        Best first. The score is about the share of the text's words that the record has: 1 for
        all. ``is_new`` says of a match that the index does not hold the record's present content.
        Of very common words it looks at some of the records only.
        """
        ...

    async def now(self) -> datetime:
        """The store's time."""
        ...

    async def look(self, *, seen: datetime | None) -> Arrivals:
        """Cheap enough to be asked every second."""
        ...

    async def sweep(self) -> int:
        """Forget the records that the index has had for 15 seconds; returns how many.

        By then all views of the index are newer. A repeat does no harm.
        """
        ...
