"""The route that makes one ranking of several."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from fastapi import APIRouter

from domain.blend_options import BlendOptions, Collapse
from domain.blending import blend, ranked
from domain.collapsing import Found, collapsed
from domain.models.ids import RecordId
from domain.models.search import Candidate, Hit
from serve_app.blending import options_of
from serve_app.context import Context, InContext
from serve_app.problems import problems
from serve_app.query import AskedBy, ask, contribution_models, hit_model, looked_for
from serve_app.search_schemas import (
    BlendedItem,
    BlendRequest,
    BlendResponse,
    RankedItem,
)

router = APIRouter(prefix="/v1", tags=["search"])

HITS_PER_QUERY = 100


@router.post("/blend", summary="Blend rankings into one", responses=problems(404, 422))
async def blend_rankings(
    request: BlendRequest, context: InContext, x_headrace_user: AskedBy = None
) -> BlendResponse:
    """Asks the named queries, or takes the given rankings, and explains every blended score.

    Both are blended as the legs of a query are; what only vectors tell is left out.
    """
    options = options_of(
        request,
        context.blending,
        fusion=request.method,
        # Those of the service are for its own legs, whose places the caller's rankings have.
        weights=request.weights,
        rank_constant=request.rank_constant,
    )
    if request.queries:
        return await _blend_queries(request, options, context, x_headrace_user)
    return _blend_given(request, options, context)


async def _blend_queries(
    request: BlendRequest, options: BlendOptions, context: Context, asked_by: str | None
) -> BlendResponse:
    answers = await asyncio.gather(
        *(
            ask(
                context,
                query,
                limit=HITS_PER_QUERY,
                blending=_unmoved(context.blending),
                asked_by=asked_by,
            )
            for query in request.queries
        )
    )
    asked = list(zip(request.queries, answers, strict=True))
    shown_for = {query.name: looked_for(answer, query.query) for query, answer in asked}
    rankings = {
        query.name: [replace(hit.candidate, score=hit.score) for hit in answer.hits]
        for query, answer in asked
    }
    degraded = [f"{query.name}:{leg}" for query, answer in asked for leg in answer.degraded]
    unavailable = sorted({name for answer in answers for name in answer.unavailable})
    blended = ranked(rankings, options, now=context.services.clock.now())
    return BlendResponse(
        ranking=[
            BlendedItem(
                id=str(hit.candidate.record_id),
                score=hit.score,
                contributions=contribution_models(hit) if request.explain else None,
                hit=hit_model(hit, shown_for[hit.contributions[0].leg], explain=False),
            )
            for hit in collapsed(blended, _unread, options.collapse, limit=request.limit)
        ],
        degraded=bool(degraded or unavailable),
        degraded_legs=degraded,
        unavailable=unavailable,
    )


def _unread(hit: Hit[Candidate]) -> Found:
    return Found(hit, None)


def _unmoved(options: BlendOptions) -> BlendOptions:
    """What moves hits or folds them has its say once, when all queries are blended."""
    return replace(
        options,
        source_weights={},
        calibration=0.0,
        recency=0.0,
        diversity=0.0,
        collapse=Collapse.NONE,
    )


def _blend_given(request: BlendRequest, options: BlendOptions, context: Context) -> BlendResponse:
    rankings = {
        name: [_Named.of(item) for item in items] for name, items in request.rankings.items()
    }
    blended = blend(rankings, options, limit=request.limit, now=context.services.clock.now())
    return BlendResponse(
        ranking=[
            BlendedItem(
                id=hit.candidate.id,
                score=hit.score,
                contributions=contribution_models(hit) if request.explain else None,
            )
            for hit in blended
        ],
        degraded=False,
        degraded_legs=[],
        unavailable=[],
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """An item of a caller's ranking, told apart by the caller's id alone."""

    id: str
    record_id: RecordId
    source_type: str
    score: float
    timestamp: datetime | None
    vector: None = None
    heading: None = None

    @staticmethod
    def of(item: RankedItem) -> _Named:
        identity = RecordId(uuid5(NAMESPACE_OID, item.id))
        return _Named(item.id, identity, item.source_type, item.score, item.timestamp)
