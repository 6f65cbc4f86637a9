"""What the routes stand on, built once per process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

from fastapi import Depends, Request

from actors.bootstrap import Services, answer_caches
from actors.breakers import Dependency
from actors.modules.registry import Registry, open_registry
from actors.settings import Settings
from domain.blend_options import BlendOptions
from domain.models.chunks import Embedding
from domain.ports.embedder import Embedder
from domain.ports.modules import ModuleStore
from domain.ports.search_index import SearchIndex
from pipelines.answer_cache import CachingEngine
from pipelines.arrivals import ArrivalFollower
from pipelines.direct_uploading import DirectLimits, DirectUploadService
from pipelines.embedding_queries import QueryBatches
from pipelines.engine import Engine
from pipelines.engine_in_use import EngineInUse
from pipelines.event_feed import EventFeed
from pipelines.file_service import FileService
from pipelines.history import HistoryBuffer
from pipelines.index_follower import IndexFollower
from pipelines.maintenance import IndexService, LocalMaintenance, Maintenance
from pipelines.query_embeddings import QueryEmbeddings, RememberingEmbedder
from pipelines.querying import QueryEngine
from pipelines.relating import Relating
from pipelines.understanding import UnderstandingEngine
from pipelines.uploading import UploadService
from serve_app.metrics import Metrics

ANSWERS_NEED = (Dependency.INDEX, Dependency.EMBEDDER, Dependency.POSTGRES)
"""Without one of them answers are worse: fewer legs, or not of what came last."""

VERSION = version("headrace")
"""Looked up once: it stands in a file."""

OpenModules = Callable[[Settings, ModuleStore], Registry]


@dataclass(frozen=True, slots=True)
class Context:
    services: Services
    uploads: UploadService
    direct: DirectUploadService
    files: FileService
    queries: Engine
    history: HistoryBuffer
    feed: EventFeed
    follower: IndexFollower
    metrics: Metrics
    modules: Registry
    maintenance: Maintenance
    indexes: IndexService
    embeddings: QueryEmbeddings
    relating: Relating
    started_at: float
    """On the monotonic clock."""

    @property
    def blending(self) -> BlendOptions:
        """The service's own way, of which callers may ask for another in any point."""
        return self.services.settings.blending.options()

    def embedder(self) -> Embedder:
        """The model in use, which remembers what it was asked lately."""
        _, embedder = self.services.searched()
        return RememberingEmbedder(
            embedder, self.embeddings, count=self.metrics.queries_embedded.inc
        )

    def known_embedding(self, text: str) -> tuple[Embedding | None, str]:
        """The vector of a text that was asked for lately, and the model that made it."""
        model = self.services.searched()[1].model
        return self.embeddings.known(model, text), model


@asynccontextmanager
async def open_context(
    services: Services,
    *,
    open_modules: OpenModules | None = None,
    maintenance: Maintenance | None = None,
) -> AsyncIterator[Context]:
    """Wire the application services; follow the index and write the history until closed.

    Modules are added, and stores mended, in this process, unless it is said who does it.
    """
    settings = services.settings
    maintenance = maintenance or LocalMaintenance(services)
    history = HistoryBuffer(services.metadata.history)
    arrivals = ArrivalFollower(services.metadata.arriving)
    follower = IndexFollower(
        services.metadata.events,
        services.index,
        change_index=services.follow_index,
        arrivals=arrivals,
    )
    metrics, embeddings = Metrics(), QueryEmbeddings()
    feed = EventFeed(services.metadata.journal)
    uploads = UploadService(
        services.objects,
        services.metadata,
        max_bytes=settings.http.max_upload_bytes,
        queue_limit=settings.ingest.queue_limit,
        bulk_bytes=settings.ingest.bulk_bytes,
    )
    async with (
        follower.running(),
        arrivals.running(),
        history.running(),
        _stopped_at_the_end(feed),
    ):
        yield Context(
            services=services,
            uploads=uploads,
            direct=_direct_uploads(services, uploads),
            files=FileService(services.metadata, follower),
            queries=_query_engine(services, follower, arrivals, metrics, embeddings),
            history=history,
            feed=feed,
            follower=follower,
            metrics=metrics,
            modules=(open_modules or open_registry)(settings, services.metadata.modules),
            maintenance=maintenance,
            indexes=IndexService(settings, services.metadata, maintenance),
            embeddings=embeddings,
            relating=Relating(services.metadata.entities, generation=lambda: follower.generation),
            started_at=time.monotonic(),
        )


def _direct_uploads(services: Services, uploads: UploadService) -> DirectUploadService:
    settings = services.settings
    limits = DirectLimits(
        max_bytes=settings.http.max_upload_bytes,
        part_bytes=settings.objects.s3.direct_part_bytes,
        expiry_seconds=settings.objects.s3.direct_expiry_seconds,
    )
    return DirectUploadService(services.direct, services.metadata, uploads, services.clock, limits)


def _query_engine(
    services: Services,
    follower: IndexFollower,
    arrivals: ArrivalFollower,
    metrics: Metrics,
    embeddings: QueryEmbeddings,
) -> Engine:
    """Answers from the cache, else from the index in use."""
    search, blending = services.settings.search, services.settings.blending.options()
    batches = QueryBatches()

    def engine(index: SearchIndex, embedder: Embedder) -> QueryEngine:
        return QueryEngine(
            index,
            RememberingEmbedder(embedder, embeddings, count=metrics.queries_embedded.inc),
            candidates_per_leg=search.candidates_per_leg,
            leg_deadline_seconds=search.leg_deadline_seconds,
            blend_options=blending,
            compares_by_words=search.compare_by_words,
            clock=services.clock,
            full_text=services.metadata.full_text,
            entities=services.metadata.entities,
            identifiers=services.metadata.identifiers,
            arriving=arrivals,
            generation=generation,
            unavailable=lambda: services.breakers.unavailable(*ANSWERS_NEED),
            embed=batches.embed,
        )

    def generation() -> str:
        model = services.searched()[1].model
        return f"{VERSION} {follower.lineage} {follower.generation} {model} {arrivals.mark}"

    caching = CachingEngine(
        EngineInUse(services.searched, engine),
        answer_caches(services),
        generation=generation,
        ttl_seconds=services.settings.cache.ttl_seconds,
        count=metrics.count_cache,
    )
    return UnderstandingEngine(caching, services.clock)


@asynccontextmanager
async def _stopped_at_the_end(feed: EventFeed) -> AsyncIterator[None]:
    try:
        yield
    finally:
        feed.stop()


# A coroutine: FastAPI gives each plain function a thread, which cost a query 1 ms (measured).
async def _context_of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


InContext = Annotated[Context, Depends(_context_of)]
