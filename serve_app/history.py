"""Routes over what was asked: which questions are common, slow or unanswered; and forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import Field

from domain.ports.query_history import AskedQuery, HistoryView
from pipelines.understanding import MAX_QUERY_CHARS
from serve_app.context import Context, InContext
from serve_app.problems import problems
from serve_app.query import MAX_ASKER_CHARS
from serve_app.schemas import ResponseModel

router = APIRouter(prefix="/v1/history", tags=["history"])

Days = Annotated[float, Parameter(gt=0, le=3_650, description="How far back to look.")]
Limit = Annotated[int, Parameter(ge=1, le=1_000)]
Asker = Annotated[str, Parameter(min_length=1, max_length=MAX_ASKER_CHARS)]


class AskedQueryModel(ResponseModel):
    """All that was asked with one text, whatever its case."""

    text: str
    times: int
    cached: int = Field(description="How many of them a cache answered.")
    median_ms: float
    slowest_ms: int
    mean_results: float
    last_asked_at: datetime
    similarity: float | None = Field(None, description="Cosine, where similar ones were asked for.")

    @classmethod
    def of(cls, asked: AskedQuery) -> Self:
        return cls(
            text=asked.text,
            times=asked.times,
            cached=asked.cached,
            median_ms=asked.median_ms,
            slowest_ms=asked.slowest_ms,
            mean_results=asked.mean_results,
            last_asked_at=asked.last_asked_at,
            similarity=asked.similarity,
        )


class AskedQueries(ResponseModel):
    queries: list[AskedQueryModel]


class Forgotten(ResponseModel):
    forgotten: int = Field(description="Entries that were removed.")


@router.get("", summary="What is asked", responses=problems(422))
async def view_history(
    context: InContext, view: HistoryView = HistoryView.TOP, days: Days = 7, limit: Limit = 20
) -> AskedQueries:
    """The most frequent questions, the slowest, or those that found nothing when last asked."""
    await context.history.flush()
    history = context.services.metadata.history
    return _shown(await history.view(view, since=_since(context, days), limit=limit))


@router.get("/similar", summary="What was asked alike", responses=problems(422))
async def similar_queries(
    context: InContext,
    query: Annotated[str, Parameter(min_length=1, max_length=MAX_QUERY_CHARS)],
    days: Days = 7,
    limit: Limit = 20,
) -> AskedQueries:
    """Past questions whose meaning is nearest, by the model of the index."""
    await context.history.flush()
    embedder = context.embedder()
    (embedding,) = await asyncio.to_thread(embedder.embed, [query])
    return _shown(
        await context.services.metadata.history.similar(
            embedding, model=embedder.model, since=_since(context, days), limit=limit
        )
    )


@router.delete("", summary="Forget what somebody asked", responses=problems(422))
async def forget(context: InContext, asked_by: Asker) -> Forgotten:
    """Removes every entry that carries the name; what another replica has not written yet, up to
    a second of questions, stays: ask once more.
    """
    await context.history.flush()
    return Forgotten(forgotten=await context.services.metadata.history.forget(asked_by))


def _since(context: Context, days: float) -> datetime:
    return context.services.clock.now() - timedelta(days=days)


def _shown(queries: Sequence[AskedQuery]) -> AskedQueries:
    return AskedQueries(queries=[AskedQueryModel.of(query) for query in queries])
