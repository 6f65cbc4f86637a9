"""What one may ask and decide about entities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from domain.models.entities import EntityKind
from domain.models.ids import EntityId, RecordId
from domain.models.related import (
    Entity,
    EntitySummary,
    LinkedRecord,
    RelatedEntity,
    TimelineEntry,
)
from domain.models.search import Scope, Within


class Entities(Protocol):
    """Entities as linking has left them. Only what the asker may see counts and shows.

    An id leads to the entity that has its key now, so that it stays good when entities are joined
    or get a smaller key. Every method that takes one raises ``NotFoundError``.
    """

    async def find(
        self, text: str | None, *, kinds: Collection[EntityKind], limit: int, scope: Scope
    ) -> Sequence[EntitySummary]:
        """Those that have a key that equals the text, then those with all its words in a name.

        Words may be begun only. Of equals those with most records come first. Without a text all
        that have a name.
        """
        ...

    async def get(self, entity_id: EntityId, *, scope: Scope) -> Entity: ...

    async def timeline(
        self, entity_id: EntityId, *, offset: int, limit: int, scope: Scope
    ) -> Sequence[TimelineEntry]:
        """The records that speak of it, newest first, those without a time last."""
        ...

    async def of_records(
        self, record_ids: Sequence[RecordId], *, limit: int, scope: Scope
    ) -> Mapping[RecordId, Sequence[RelatedEntity]]:
        """Up to ``limit`` entities of each record that has any, in one look."""
        ...

    async def linked(
        self, record_id: RecordId, *, limit: int, scope: Scope
    ) -> Sequence[LinkedRecord]:
        """Records of other threads that speak of the same entities, rare entities first."""
        ...

    async def within(self, entity_id: EntityId, *, model: str, scope: Scope) -> Within:
        """Where a search has to stay so that it finds only what speaks of the entity."""
        ...

    async def split(self, entity_id: EntityId, parts: Collection[str]) -> None:
        """Let the keys or names in ``parts`` be of another entity than the rest, for good.

        Raises:
            InvalidQueryError: a part is none of the entity's, or nothing would be left.
        """
        ...

    async def join(self, entity_id: EntityId, other_id: EntityId) -> None:
        """Let both be one, for good; what parted them before is forgotten.

        Raises:
            ConflictError: they are of different kinds.
        """
        ...
