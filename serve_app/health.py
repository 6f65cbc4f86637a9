"""Routes for operators: is it alive, is it ready, what is in it, does it agree with itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TypeVar

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from actors.active_index import model_note
from actors.bootstrap import Services
from actors.breakers import GateStatus
from domain.errors import HeadraceError, RetryableError
from pipelines.verifying import verify
from serve_app.context import Context, InContext
from serve_app.errors import problem_response
from serve_app.metrics import SystemTotals
from serve_app.problems import Responses, documented, problems
from serve_app.schemas import (
    BreakerModel,
    ComponentModel,
    EventsModel,
    Liveness,
    QueueModel,
    Readiness,
    StatusResponse,
    VerifyResponse,
)

router = APIRouter(tags=["operations"])

T = TypeVar("T")

PING_TIMEOUT_SECONDS = 2.0
COUNT_TIMEOUT_SECONDS = 5.0
DISPENSABLE = frozenset({"cache"})
"""Components whose absence makes answers slower, and nothing else: the service stays ready."""
_TEXT: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


@router.get("/health/live", summary="Is the process alive?")
async def live() -> Liveness:
    """Answers as long as the event loop turns; asks nobody."""
    return Liveness()


@router.get(
    "/health/ready",
    summary="Can it serve?",
    response_model=Readiness,
    responses=documented(503),
)
async def ready(context: InContext) -> Readiness | Response:
    """Asks every component; 503 names those that do not answer. It can do without the cache."""
    components = await check_components(context.services)
    failing = {
        name: part.detail
        for name, part in components.items()
        if not part.ok and name not in DISPENSABLE
    }
    if not failing:
        return Readiness(components=components)
    return problem_response(
        503,
        "; ".join(f"{name}: {detail}" for name, detail in failing.items()),
        details={"components": {name: part.model_dump() for name, part in components.items()}},
        headers={"Retry-After": "1"},
    )


@router.get("/v1/status", summary="What is in the service?", responses=problems())
async def status(context: InContext) -> StatusResponse:
    """Counts over all stores, how each component is, and the circuit breakers.

    A count is null while its store is away.
    """
    services = context.services
    totals, records, active, components = await asyncio.gather(
        gather_totals(context),
        _if_available(services.metadata.records.count()),
        _if_available(services.metadata.indexes.active()),
        check_components(services),
    )
    return StatusResponse(
        version=version("headrace"),
        profile=services.settings.profile,
        data_dir=str(services.settings.data_dir.absolute()),
        uptime_seconds=round(time.monotonic() - context.started_at, 1),
        generation=totals.generation,
        queue_depth=totals.queue and totals.queue.depth,
        queue=totals.queue and QueueModel.of(totals.queue, services.settings.ingest.queue_limit),
        events=totals.events and EventsModel.of(totals.events),
        records=records,
        chunks=totals.index_chunks,
        files=totals.imports
        and {status: count for status, count in totals.imports.files.items() if count},
        direct_uploads=context.direct.is_offered,
        model=active.model if active else None,
        model_note=model_note(services.settings, active) if active else None,
        components=components,
        breakers={
            dependency: breaker_model(gate)
            for dependency, gate in services.breakers.statuses().items()
        },
    )


def breaker_model(gate: GateStatus) -> BreakerModel:
    return BreakerModel(
        state=gate.state.value,
        failures=gate.failures,
        trips=gate.trips,
        refusals=gate.refusals,
        retries=gate.retries,
        retry_after_seconds=round(gate.seconds_left, 1),
        reason=gate.reason,
    )


@router.get("/v1/verify", summary="Do all stores agree?", responses=problems())
async def verify_stores(context: InContext) -> VerifyResponse:
    """Compares every store with every other; reads all ids, so it takes its time."""
    services = context.services
    found = await verify(services.metadata, services.index, services.objects)
    return VerifyResponse(ok=not found, problems=found)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={**_TEXT, **documented(503)},
)
async def metrics(context: InContext) -> Response:
    """The counters of all API replicas, and the stores' totals as they are now.

    The totals of a store that is away are left out.
    """
    context.metrics.follow_history(context.history.dropped)
    gates = context.services.breakers.statuses()
    body = context.metrics.exposition(await gather_totals(context), gates)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def gather_totals(context: Context) -> SystemTotals:
    """Ask the stores for their sums, all at once; ``None`` from one that is away."""
    services = context.services
    imports, queue, events, chunks = await asyncio.gather(
        _if_available(services.metadata.files.totals()),
        _if_available(services.metadata.queue.state()),
        _if_available(services.metadata.journal.counts()),
        _if_available(services.index.count()),
    )
    return SystemTotals(
        imports=imports,
        queue=queue,
        events=events,
        index_chunks=chunks,
        generation=context.follower.generation,
    )


async def _if_available(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(COUNT_TIMEOUT_SECONDS):
            return await asked
    except (RetryableError, TimeoutError):
        return None


async def check_components(services: Services) -> dict[str, ComponentModel]:
    """Ping every component at the same time."""

    async def embed() -> None:
        await asyncio.to_thread(services.embedder.embed, ["ready"])

    pings: dict[str, Callable[[], Awaitable[None]]] = {
        "postgres": services.metadata.ping,
        "index": services.index.ping,
        "objects": services.objects.ping,
        "cache": services.cache.ping,
        "embedder": embed,
    }
    results = await asyncio.gather(*(_check(ping) for ping in pings.values()))
    return dict(zip(pings, results, strict=True))


async def _check(ping: Callable[[], Awaitable[None]]) -> ComponentModel:
    try:
        async with asyncio.timeout(PING_TIMEOUT_SECONDS):
            await ping()
    except HeadraceError as error:
        return ComponentModel(ok=False, detail=error.message)
    except TimeoutError:
        return ComponentModel(ok=False, detail=f"no answer in {PING_TIMEOUT_SECONDS:g} s")
    return ComponentModel(ok=True, detail="answers")
