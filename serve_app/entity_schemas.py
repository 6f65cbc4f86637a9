"""What entities and their links look like on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictStr

from domain.models.entities import EntityKind, Role
from domain.models.related import (
    Entity,
    EntitySummary,
    LinkedRecord,
    NearEntity,
    RelatedEntity,
    TimelineEntry,
)
from serve_app.schemas import RequestModel, ResponseModel


class EntityModel(ResponseModel):
    id: UUID
    kind: EntityKind
    name: str | None = Field(description="Null where nothing but keys is known.")
    keys: list[str] = Field(description="What identifies it beyond doubt: `email:a@b.example`.")
    records: int = Field(description="How many records speak of it.")

    @staticmethod
    def of(summary: EntitySummary) -> EntityModel:
        return EntityModel(
            id=summary.id,
            kind=summary.kind,
            name=summary.name,
            keys=list(summary.keys),
            records=summary.records,
        )


class EntityList(ResponseModel):
    entities: list[EntityModel]
    waiting: int = Field(description="Records and entities that are not linked yet.")


class EvidenceModel(ResponseModel):
    reason: str
    weight: float = Field(description="Log2 of how much likelier it makes the link.")


class NearEntityModel(ResponseModel):
    id: UUID
    name: str | None
    score: float = Field(description="The probability that both are one.")
    evidence: list[EvidenceModel]

    @staticmethod
    def of(near: NearEntity) -> NearEntityModel:
        return NearEntityModel(
            id=near.id,
            name=near.name,
            score=near.score,
            evidence=[EvidenceModel(reason=e.reason, weight=e.weight) for e in near.evidence],
        )


class TimelineModel(ResponseModel):
    record_id: UUID
    source_type: str
    content_type: str
    title: str | None
    timestamp: datetime | None
    url: str | None
    roles: list[Role] = Field(description="What the entity is to the record.")
    excerpt: str = Field(description="The beginning of the record's text.")

    @staticmethod
    def of(entry: TimelineEntry) -> TimelineModel:
        return TimelineModel(
            record_id=entry.record_id,
            source_type=entry.source_type,
            content_type=entry.content_type,
            title=entry.title,
            timestamp=entry.timestamp,
            url=entry.url,
            roles=list(entry.roles),
            excerpt=entry.excerpt,
        )


class EntityDetails(EntityModel):
    aliases: list[str] = Field(description="Other names that records give it.")
    facts: Mapping[str, str]
    near: list[NearEntityModel] = Field(
        description="Parts that are one with it by near evidence; each can be split off by its id."
    )
    candidates: list[NearEntityModel] = Field(
        description="Entities that it may be, where that is not clear: nothing is guessed."
    )
    timeline: list[TimelineModel] = Field(description="Newest first.")
    next_offset: int | None = Field(description="Where the timeline goes on.")

    @staticmethod
    def shown(
        entity: Entity, timeline: Sequence[TimelineEntry], next_offset: int | None
    ) -> EntityDetails:
        return EntityDetails(
            **EntityModel.of(entity.summary).model_dump(),
            aliases=list(entity.aliases),
            facts=entity.facts,
            near=[NearEntityModel.of(one) for one in entity.near],
            candidates=[NearEntityModel.of(one) for one in entity.candidates],
            timeline=[TimelineModel.of(entry) for entry in timeline],
            next_offset=next_offset,
        )


class RelatedEntityModel(ResponseModel):
    id: UUID
    kind: EntityKind
    name: str | None
    roles: list[Role]

    @staticmethod
    def of(entity: RelatedEntity) -> RelatedEntityModel:
        return RelatedEntityModel(
            id=entity.id, kind=entity.kind, name=entity.name, roles=list(entity.roles)
        )


class LinkModel(ResponseModel):
    """Another record that speaks of the same entity."""

    record: TimelineModel
    entity: RelatedEntityModel
    score: float = Field(description="1 by exact keys or a person's word, else a probability.")
    evidence: list[str]

    @staticmethod
    def of(link: LinkedRecord) -> LinkModel:
        return LinkModel(
            record=TimelineModel.of(link.record),
            entity=RelatedEntityModel.of(link.entity),
            score=link.score,
            evidence=list(link.evidence),
        )


class SplitRequest(RequestModel):
    parts: list[Annotated[StrictStr, Field(min_length=1, max_length=500)]] = Field(
        min_length=1,
        max_length=500,
        description="Keys, names, or ids under `near`, as the entity shows them.",
        examples=[["salesforce:003Tb0000000103IAA"]],
    )


class JoinRequest(RequestModel):
    other: UUID = Field(alias="with", description="The entity that is the same.")


class Decided(ResponseModel):
    """What was decided is kept, and comes into effect within seconds."""

    id: UUID
    waiting: int = Field(description="Records and entities that are not linked yet.")
