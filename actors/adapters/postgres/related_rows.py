"""From rows to entities and records as they are shown beside others."""

from __future__ import annotations

from actors.adapters.postgres.database import Row
from domain.models.entities import EntityKind, Role
from domain.models.related import RelatedEntity, TimelineEntry
from domain.models.search import Scope

ROLES = list(Role)
"""The most telling first."""

KINDS = [
    EntityKind.ACCOUNT,
    EntityKind.OPPORTUNITY,
    EntityKind.CASE,
    EntityKind.CALL,
    EntityKind.PERSON,
    EntityKind.PRODUCT,
    EntityKind.DOCUMENT,
    EntityKind.THREAD,
]
"""The most telling first."""


def principals_of(scope: Scope) -> list[str] | None:
    """Who asks, as statements take it; ``None`` for one who may see everything."""
    return None if scope.principals is None else list(scope.principals)


def roles_of(row: Row) -> tuple[Role, ...]:
    """The most telling first."""
    return tuple(sorted(map(Role, row["roles"]), key=ROLES.index))


def related_entity(row: Row) -> RelatedEntity:
    return RelatedEntity(
        row["entity_id"], EntityKind(row["kind"]), row["entity_name"], roles_of(row)
    )


def timeline_entry(row: Row) -> TimelineEntry:
    return TimelineEntry(
        record_id=row["id"],
        source_type=row["source_type"],
        content_type=row["content_type"],
        title=row["title"],
        timestamp=row["occurred_at"],
        url=row["url"],
        excerpt=row["excerpt"],
        roles=roles_of(row),
    )
