"""Which entities the hits of answers speak of: one look for all, never more than a moment."""

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


class _Gathering:
    """Records that somebody will look up together, for one asker's rights."""

    def __init__(self) -> None:
        self.records: dict[RecordId, None] = {}
        self.found: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()


log = structlog.get_logger(__name__)


class Relating:
    """Looks entities up by record, and remembers them as long as the index stays what it is.

    Linking tells that it has changed something by the index's next generation. While one look
    goes on, records gather for the next: many answers at a time cost few statements. Belongs to
    one event loop.
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
        self._gathering: dict[Scope, _Gathering] = {}
        self._looking: dict[Scope, asyncio.Task[None]] = {}

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
        """Of these, and of others that are asked for at the same time."""
        gathering = self._gathering.get(scope)
        if gathering is None:
            gathering = self._gathering[scope] = _Gathering()
        gathering.records |= dict.fromkeys(record_ids)
        if scope not in self._looking:
            self._looking[scope] = asyncio.create_task(self._look_for_all(scope))
        # Others wait for it, too, when one of them gives up.
        return await asyncio.shield(gathering.found)

    async def _look_for_all(self, scope: Scope) -> None:
        """For as long as records gather."""
        try:
            while gathering := self._gathering.pop(scope, None):
                try:
                    gathering.found.set_result(await self._looked_up(gathering, scope))
                except Exception as error:
                    gathering.found.set_exception(error)
        finally:
            del self._looking[scope]

    async def _looked_up(self, gathering: _Gathering, scope: Scope) -> Found | None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._entities.of_records(
                    list(gathering.records), limit=ENTITIES_PER_HIT, scope=scope
                )
        except (RetryableError, TimeoutError) as error:
            log.warning("related_left_out", error=repr(error))
            return None
