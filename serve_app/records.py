"""Routes over records."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from domain.models.ids import RecordId
from serve_app.context import InContext
from serve_app.problems import problems
from serve_app.schemas import RecordModel, RelatedRecords

router = APIRouter(prefix="/v1/records", tags=["records"])


@router.get("/{record_id}", summary="Show a record", responses=problems(404, 422))
async def get_record(record_id: UUID, context: InContext) -> RecordModel:
    """The whole record, and where in which file its bytes lie."""
    return RecordModel.of(await context.files.record(RecordId(record_id)))


@router.get(
    "/{record_id}/related",
    summary="Show a record's conversation",
    responses=problems(404, 422),
)
async def get_related(
    record_id: UUID,
    context: InContext,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> RelatedRecords:
    """The records of the same thread, oldest first, the asked one among them."""
    thread = await context.files.thread(RecordId(record_id), limit=limit)
    return RelatedRecords(thread=[RecordModel.of(stored) for stored in thread], links=[])
