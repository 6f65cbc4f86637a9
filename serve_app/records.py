"""Routes over records."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from domain.models.ids import RecordId
from domain.models.search import EVERYTHING
from serve_app.context import InContext
from serve_app.entity_schemas import LinkModel, RelatedEntityModel
from serve_app.problems import problems
from serve_app.related_schemas import RelatedRecords
from serve_app.schemas import RecordModel

MAX_ENTITIES = 100

router = APIRouter(prefix="/v1/records", tags=["records"])


@router.get("/{record_id}", summary="Show a record", responses=problems(404, 422))
async def get_record(record_id: UUID, context: InContext) -> RecordModel:
    """The whole record, and where in which file its bytes lie."""
    return RecordModel.of(await context.files.record(RecordId(record_id)))


@router.get(
    "/{record_id}/related",
    summary="Show a record's conversation, entities and links",
    responses=problems(404, 422),
)
async def get_related(
    record_id: UUID,
    context: InContext,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Of the conversation.")] = 100,
    links_limit: Annotated[int, Query(ge=1, le=200, description="Of the links.")] = 20,
) -> RelatedRecords:
    """The records of the same thread, oldest first, the asked one among them.

    Beside them what the record speaks of, and the records of other threads and sources that speak
    of the same: those that share something rare come first.
    """
    asked = RecordId(record_id)
    thread = await context.files.thread(asked, limit=limit)
    entities = context.services.metadata.entities
    spoken = await entities.of_records([asked], limit=MAX_ENTITIES, scope=EVERYTHING)
    links = await entities.linked(asked, limit=links_limit, scope=EVERYTHING)
    return RelatedRecords(
        thread=[RecordModel.of(stored) for stored in thread],
        entities=[RelatedEntityModel.of(one) for one in spoken.get(asked, ())],
        links=[LinkModel.of(link) for link in links],
    )
