"""Cursors: where in a ranking the next page begins, as a text that callers hand back.

A ranking is made of a number of candidates of each leg, its depth: another depth is another
ranking. So a cursor keeps the depth of the first page. Where a page reaches beyond that ranking,
one of ``MAX_DEPTH`` candidates follows it, without what it has already. So while the index stays
as it is, every hit has one place, however large the pages are.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import orjson

from domain.errors import InvalidQueryError
from domain.fingerprints import fingerprint
from domain.models.search import Hit, Ranked

MAX_DEPTH = 1_000
"""How many candidates of each leg are looked at, and how many hits can be paged through."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cursor:
    """``offset`` hits were shown. ``since`` and ``until`` are what the query's dates meant then.

    ``now`` is the moment of the first page, where it counts how old a hit is.
    ``question`` and ``generation`` tell questions and contents of the index apart.
    """

    question: str
    generation: str
    depth: int
    offset: int = 0
    since: datetime | None = None
    until: datetime | None = None
    now: datetime | None = None

    def encoded(self) -> str:
        parts = [
            *(self.question, self.generation, self.depth, self.offset),
            *(each and each.isoformat() for each in (self.since, self.until, self.now)),
        ]
        return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decoded(text: str) -> Cursor:
    """The cursor that ``encoded`` wrote.

    Raises:
        InvalidQueryError: nobody wrote it.
    """
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        question, generation, depth, offset, *moments = orjson.loads(packed)
        since, until, now = (each and datetime.fromisoformat(each) for each in moments)
        cursor = Cursor(str(question), str(generation), int(depth), int(offset), since, until, now)
    except (ValueError, TypeError, AttributeError) as error:
        raise _unreadable() from error
    if any(each and each.tzinfo is None for each in (since, until, now)):
        raise _unreadable()
    if not (0 <= cursor.offset <= MAX_DEPTH and 0 < cursor.depth <= MAX_DEPTH):
        raise _unreadable()
    return cursor


def _unreadable() -> InvalidQueryError:
    return InvalidQueryError("the cursor cannot be read: hand back next_cursor as it was given")


def mark_of(*parts: object) -> str:
    """Twelve hex digits that tell these values from others."""
    return fingerprint(*parts, digest_size=6)


def continued(ranking: Sequence[Hit[Ranked]], deeper: Sequence[Hit[Ranked]]) -> list[Hit[Ranked]]:
    """``ranking``, then what only ``deeper`` has, in its order."""
    known = {hit.candidate.record_id for hit in ranking}
    return [*ranking, *(hit for hit in deeper if hit.candidate.record_id not in known)]
