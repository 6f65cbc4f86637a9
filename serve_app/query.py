"""Routes that answer questions."""

from __future__ import annotations

from time import perf_counter
from typing import Annotated

from fastapi import APIRouter, Header

from domain.blend_options import BlendOptions
from domain.errors import HeadraceError
from domain.models.ids import EntityId
from domain.models.search import (
    EVERYTHING,
    Answer,
    Candidate,
    Hit,
    Query,
    Rankable,
    SearchFilter,
)
from domain.ports.query_history import HistoryEntry
from domain.snippets import snippet
from pipelines.relating import Found
from serve_app.blending import options_of
from serve_app.context import Context, InContext
from serve_app.entity_schemas import RelatedEntityModel
from serve_app.problems import problems
from serve_app.search_schemas import (
    AnalysisModel,
    ContributionModel,
    Explanation,
    HitModel,
    IdentifierModel,
    QueryRequest,
    QueryResponse,
    RecordSpan,
    SearchRequest,
)

router = APIRouter(prefix="/v1", tags=["search"])

RELATED = "related"
MAX_ASKER_CHARS = 200
AskedBy = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=MAX_ASKER_CHARS,
        description="Who asks, for the history; `DELETE /v1/history` forgets it.",
    ),
]


@router.post("/query", summary="Ask a question", responses=problems(404, 422))
async def query(
    request: QueryRequest, context: InContext, x_headrace_user: AskedBy = None
) -> QueryResponse:
    """Ranked hits across all sources, one for each record.

    A leg that misses its deadline is left out and named, as are dependencies that are away; the
    answer is then `degraded`. Full text stands in for an index that is away.
    """
    answer = await ask(
        context,
        request,
        limit=request.limit,
        cursor=request.cursor,
        blending=blending_of(request, context),
        asked_by=x_headrace_user,
    )
    related, related_ms = await _related(context, answer)
    unavailable = [*answer.unavailable, *((RELATED,) if related is None else ())]
    shown_for = looked_for(answer, request.query)
    return QueryResponse(
        hits=[
            hit_model(hit, shown_for, explain=request.explain, related=related)
            for hit in answer.hits
        ],
        took_ms=round(answer.took_ms + related_ms, 3),
        cached=answer.cached,
        degraded=bool(answer.degraded or unavailable),
        degraded_legs=list(answer.degraded),
        unavailable=unavailable,
        stages_ms={**answer.stages_ms, RELATED: related_ms} if request.explain else None,
        next_cursor=answer.next_cursor,
        index_changed=answer.index_changed,
        analysis=analysis_model(answer) if request.explain else None,
    )


async def _related(context: Context, answer: Answer) -> tuple[Found | None, float]:
    """What the hits speak of, and how many milliseconds it took to see."""
    started = perf_counter()
    record_ids = [hit.candidate.record_id for hit in answer.hits]
    found = await context.relating.of_records(record_ids, scope=EVERYTHING) if record_ids else {}
    return found, (perf_counter() - started) * 1000.0


async def ask(
    context: Context,
    request: SearchRequest,
    *,
    limit: int,
    cursor: str | None = None,
    blending: BlendOptions | None = None,
    asked_by: str | None = None,
) -> Answer:
    """Answer a query; count it, and remember it in the history."""
    asked = query_of(request, limit=limit, cursor=cursor)
    try:
        answer = await context.queries.answer(asked, blending)
    except HeadraceError:
        context.metrics.count_failure(asked.mode)
        raise
    context.metrics.count_answer(asked.mode, answer)
    if context.services.settings.history.enabled:
        context.history.add(_remembered(context, asked, answer, asked_by))
    return answer


def _remembered(
    context: Context, asked: Query, answer: Answer, asked_by: str | None
) -> HistoryEntry:
    text = looked_for(answer, asked.text)
    embedding, model = context.known_embedding(text)
    return HistoryEntry(
        text=asked.text,
        embedding=embedding,
        sources=asked.where.sources,
        result_count=len(answer.hits),
        response_time_ms=round(answer.took_ms),
        cached=answer.cached,
        asked_at=context.services.clock.now(),
        model=model,
        asked_by=asked_by,
    )


def looked_for(answer: Answer, text: str) -> str:
    """What was looked for of a query's ``text``, once operators were taken out."""
    return answer.analysis.text if answer.analysis else text


def query_of(request: SearchRequest, *, limit: int, cursor: str | None = None) -> Query:
    where = SearchFilter(
        sources=tuple(request.sources),
        content_types=tuple(request.content_types),
        since=request.since,
        until=request.until,
        metadata=request.filters,
        entity=EntityId(request.entity) if request.entity else None,
    )
    return Query(
        text=request.query,
        mode=request.mode,
        limit=limit,
        where=where,
        cursor=cursor,
        time_zone=request.time_zone,
        is_plain=request.plain,
    )


def blending_of(request: QueryRequest, context: Context) -> BlendOptions:
    return options_of(
        request,
        context.blending,
        fusion=request.fusion,
        weights={str(leg): weight for leg, weight in request.weights.items()} or None,
    )


def hit_model(
    hit: Hit[Candidate], text: str, *, explain: bool, related: Found | None = None
) -> HitModel:
    found = hit.candidate
    return HitModel(
        id=found.chunk_id,
        score=hit.score,
        content=found.text,
        snippet=snippet(found.text, text),
        title=found.title,
        author=found.author,
        source_type=found.source_type,
        content_type=found.content_type,
        timestamp=found.timestamp,
        url=found.url,
        file_id=found.file_id,
        record_id=found.record_id,
        metadata=found.metadata,
        thread=found.thread,
        folded=hit.folded,
        records=record_spans(found),
        explain=Explanation(contributions=contribution_models(hit)) if explain else None,
        related=[
            RelatedEntityModel.of(entity) for entity in (related or {}).get(found.record_id, ())
        ],
    )


def analysis_model(answer: Answer) -> AnalysisModel | None:
    said = answer.analysis
    if said is None:
        return None
    return AnalysisModel(
        text=said.text,
        phrases=list(said.phrases),
        excluded=list(said.excluded),
        authors=list(said.authors),
        places=list(said.places),
        sources=list(said.sources),
        content_types=list(said.content_types),
        since=said.since,
        until=said.until,
        identifiers=[
            IdentifierModel(kind=one.kind, written=one.written, spellings=list(one.spellings))
            for one in said.identifiers
        ],
        newest_first=said.is_filter_only,
    )


def record_spans(found: Candidate) -> list[RecordSpan]:
    """The records that the hit's text comes from: one, or the members of a passage."""
    if not found.members:
        return [RecordSpan(record_id=found.record_id, start=found.start, end=found.end)]
    return [
        RecordSpan(record_id=member.record_id, start=member.start, end=member.end)
        for member in found.members
    ]


def contribution_models(hit: Hit[Rankable]) -> list[ContributionModel]:
    return [
        ContributionModel(
            leg=part.leg,
            rank=part.rank,
            raw_score=part.raw_score,
            weight=part.weight,
            addend=part.addend,
        )
        for part in hit.contributions
    ]
