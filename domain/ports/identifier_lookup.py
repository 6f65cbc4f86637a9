"""Records found by what identifies them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.models.analysis import Identifier
from domain.models.search import Match, SearchFilter


class IdentifierLookup(Protocol):
    """Finds stored records that have an identifier exactly as it is written."""

    async def find(
        self, identifiers: Sequence[Identifier], *, text: str, limit: int, where: SearchFilter
    ) -> list[Match]:
        """Records with any of the identifiers, best first; none that merely resembles it.

        The score is the sum of ``domain.identifiers.exactness`` over the identifiers: the record
        that one names comes before those with it in a field, and these before texts that mention
        it. Of equals the one with more of the words of ``text`` is better, then the newer one.
        What ``where`` asks is asked of the whole record.

        Raises:
            StoreUnavailableError: no answer.
        """
        ...
