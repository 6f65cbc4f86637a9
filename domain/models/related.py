"""Entities and their links as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.models.entities import EntityKind, Evidence, Role
from domain.models.ids import EntityId, RecordId


@dataclass(frozen=True, slots=True)
class EntitySummary:
    """``records`` counts those that speak of it and that the asker may see.

    ``name`` is ``None`` where nothing but keys is known.
    """

    id: EntityId
    kind: EntityKind
    name: str | None
    keys: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class NearEntity:
    """An entity that may be, or by near evidence is, the same, and why."""

    id: EntityId
    name: str | None
    score: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Entity:
    """All that is known of one.

    ``near`` says by which near links it is one, with the ids of its parts, each of which can be
    split off; ``candidates`` what it may be besides.
    """

    summary: EntitySummary
    aliases: tuple[str, ...]
    facts: Mapping[str, str]
    near: tuple[NearEntity, ...]
    candidates: tuple[NearEntity, ...]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A record that speaks of an entity. ``excerpt`` is the beginning of its text."""

    record_id: RecordId
    source_type: str
    content_type: str
    title: str | None
    timestamp: datetime | None
    url: str | None
    excerpt: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class RelatedEntity:
    """An entity that a record speaks of."""

    id: EntityId
    kind: EntityKind
    name: str | None
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """Another record that speaks of the same entity.

    ``score`` is 1 where exact keys or people say so, else that of the weakest near link between.
    """

    record: TimelineEntry
    entity: RelatedEntity
    score: float
    evidence: tuple[str, ...]
