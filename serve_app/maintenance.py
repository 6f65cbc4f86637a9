"""Routes that mend: repair what does not agree, embed everything with another model."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter

from actors.active_index import model_note
from domain.models.indexes import IndexReport, IndexState
from serve_app.context import Context, InContext
from serve_app.problems import problems
from serve_app.schemas import JsonObject, RequestModel, ResponseModel

router = APIRouter(prefix="/v1", tags=["operations"])


class RepairResponse(ResponseModel):
    ok: bool
    repaired: dict[str, int]
    waiting: dict[str, int]
    problems: list[str]


class IndexModel(ResponseModel):
    model: str
    dimension: int
    state: IndexState
    held: int
    total: int
    error: str | None
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    embedder: JsonObject

    @staticmethod
    def of(report: IndexReport) -> IndexModel:
        place = report.place
        return IndexModel(
            model=place.model,
            dimension=place.dimension,
            state=report.state,
            held=report.held,
            total=report.total,
            error=report.error,
            created_at=report.created_at,
            activated_at=report.activated_at,
            retired_at=report.retired_at,
            embedder=place.recipe,
        )


class IndexList(ResponseModel):
    indexes: list[IndexModel]
    note: str | None


class ReindexRequest(RequestModel):
    model: str | None = None


class DroppedIndexes(ResponseModel):
    dropped: list[str]


@router.post("/verify/repair", summary="Repair what does not agree", responses=problems(503))
async def repair_stores(context: InContext) -> RepairResponse:
    """Compares every store with every other and mends what is safe to mend; then looks again.

    Works while imports run. Orphans are removed once two repairs have seen them that are the
    grace period apart; until then they are `waiting`.
    """
    report = await context.maintenance.repair()
    return RepairResponse(
        ok=not report.problems,
        repaired=dict(report.repaired),
        waiting=dict(report.waiting),
        problems=list(report.problems),
    )


@router.get("/reindex", summary="Show the search indexes", responses=problems())
async def list_indexes(context: InContext) -> IndexList:
    """The one in use, the one being built with its progress, and old ones that are kept."""
    return await _indexes(context)


@router.post(
    "/reindex",
    status_code=202,
    summary="Embed everything with another model",
    responses=problems(409, 422, 500, 503),
)
async def reindex(request: ReindexRequest, context: InContext) -> IndexList:
    """Builds a second index and switches to it; queries are answered from the old one meanwhile.

    `model` is `BACKEND` or `BACKEND:NAME`; left out, what the service's settings name.
    """
    await context.indexes.request(request.model)
    return await _indexes(context)


@router.delete("/reindex", summary="Stop building an index", responses=problems())
async def cancel_reindexing(context: InContext) -> IndexList:
    """What is there is kept, and taken up when the same model is asked for again."""
    await context.indexes.cancel()
    return await _indexes(context)


@router.post(
    "/reindex/drop-old", summary="Remove indexes that are not used", responses=problems(409, 503)
)
async def drop_old_indexes(context: InContext) -> DroppedIndexes:
    """There is no quick way back to their models afterwards."""
    return DroppedIndexes(dropped=list(await context.indexes.drop_old()))


async def _indexes(context: Context) -> IndexList:
    reports = await context.indexes.list()
    active = [one.place for one in reports if one.state is IndexState.ACTIVE]
    return IndexList(
        indexes=[IndexModel.of(one) for one in reports],
        note=model_note(context.services.settings, active[0]) if active else None,
    )
