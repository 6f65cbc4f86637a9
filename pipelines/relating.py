"""Which entities the hits of an answer speak of: one look for all, never more than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from domain.errors import RetryableError
from domain.models.ids import RecordId
from domain.models.related import RelatedEntity
from domain.models.search import Scope
from domain.ports.entities import Entities

ENTITIES_PER_HIT = 8
DEADLINE_SECONDS = 0.3
"""A burst after a pause has to open connections first, which has taken more than 0.1 s."""
MAX_REMEMBERED = 20_000

Found = Mapping[RecordId, Sequence[RelatedEntity]]

log = structlog.get_logger(__name__)


class Relating:
    """Looks entities up by record, and remembers them as long as the index stays what it is.

    Linking tells that it has changed something by the index's next generation. Belongs to one
    event loop.
    """

    def __init__(
        self,
        entities: Entities,
        *,
        generation: Callable[[], object],
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._entities = entities
        self._generation = generation
        self._deadline_seconds = deadline_seconds
        self._known: dict[tuple[Scope, RecordId], Sequence[RelatedEntity]] = {}
        self._known_generation: object = None

    async def of_records(self, record_ids: Sequence[RecordId], *, scope: Scope) -> Found | None:
        """The entities of each record; ``None`` where nobody could tell in time."""
        generation = self._generation()
        if generation != self._known_generation or len(self._known) > MAX_REMEMBERED:
            self._known, self._known_generation = {}, generation
        known = self._known
        unknown = [one for one in dict.fromkeys(record_ids) if (scope, one) not in known]
        if unknown:
            found = await self._look(unknown, scope)
            if found is None:
                return None
            # A record of which nothing is known is remembered, too.
            known |= {(scope, one): found.get(one, ()) for one in unknown}
        return {one: known[scope, one] for one in record_ids}

    async def _look(self, record_ids: Sequence[RecordId], scope: Scope) -> Found | None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._entities.of_records(
                    record_ids, limit=ENTITIES_PER_HIT, scope=scope
                )
        except (RetryableError, TimeoutError) as error:
            log.warning("related_left_out", error=repr(error))
            return None
