"""The Ray actors of the import side: thin shells, and how they are started and reached."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import ray
import structlog

from actors.active_index import settings_for
from actors.adapters.system_clock import SystemClock
from actors.bootstrap import (
    ensure_active_index,
    followed_parsers,
    open_breakers,
    open_direct_uploads,
    open_index,
    open_metadata,
    open_objects,
)
from actors.breaker_hub import ACTOR_NAME as BREAKER_HUB
from actors.breaker_hub import BreakerHubActor, gossiping, start_gossip
from actors.breakers import Breakers
from actors.extraction.opening import archive_limits, open_extractor
from actors.guarded import guard_embedder, guard_objects
from actors.index_writer import ACTOR_NAME as INDEX_WRITER
from actors.index_writer import ActorIndexWriter, IndexWriterActor
from actors.logging import configure_logging
from actors.namespace import NAMESPACE, ON_FIRST_NODE
from actors.opened_once import OpenedOnce
from actors.settings import Settings
from domain.errors import ModelUnavailableError
from domain.models.files import Claim, FileImport
from domain.models.ids import FileId
from domain.models.indexes import IndexPlace
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from pipelines.adopting import UploadAdopter
from pipelines.arrivals import ArrivalSweeper
from pipelines.breaker_pause import BreakerPause
from pipelines.conductor import Conductor, ConductorLimits
from pipelines.deleting import FileDeleter
from pipelines.file_import import FileImporter, FilePlanner, PlanLimits
from pipelines.grouping import PassageWriter
from pipelines.handlers import EventHandlers
from pipelines.housekeeping import Housekeeping
from pipelines.index_building import build_index, load_model
from pipelines.index_keeping import IndexKeeper
from pipelines.linking import LinkingService
from pipelines.maintenance import Recipe, chunk_limits, probe, repairer
from pipelines.opening import patiently
from pipelines.ray_calls import (
    STORES_SECONDS,
    living_worker,
    process_of,
    translated,
    worker_name,
)
from pipelines.repairing import RepairReport, RepairStores
from pipelines.slice_import import SliceImporter
from pipelines.upload_finishing import UploadFinisher
from pipelines.worker_pool import FILES_PER_WORKER, FurtherWorkers, PoolSize, WorkerPool

log = structlog.get_logger(__name__)

T = TypeVar("T")

CONDUCTOR = "conductor"
SECONDS_PER_DAY = 24 * 3600.0

ACTIVE_INDEX_SECONDS = 0.4
"""How long an import worker takes the index in use for granted; less than files are tried again
after."""


@dataclass(frozen=True, slots=True)
class _Stores:
    breakers: Breakers
    metadata: MetadataStore
    objects: ObjectStore


@dataclass(frozen=True, slots=True)
class _ImportSide:
    place: IndexPlace
    embedder: Embedder
    planner: FilePlanner
    importer: FileImporter
    passages: PassageWriter


@ray.remote(
    num_cpus=0,
    max_restarts=-1,
    max_task_retries=0,
    max_concurrency=64,
    scheduling_strategy="SPREAD",
)
class IngestWorkerActor:
    """Reads, embeds and stores files; the model stays loaded between them.

    It is that of the index in use, and another one when another index comes into use.
    """

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        os.nice(10)
        self._settings = settings
        self._stores = OpenedOnce(self._open_stores)
        self._opening = asyncio.Lock()
        self._side: _ImportSide | None = None
        self._asked_at = 0.0

    async def _open_stores(self) -> _Stores:
        settings, breakers = self._settings, open_breakers(self._settings)
        metadata = await open_metadata(settings, breakers)
        objects = guard_objects(open_objects(settings), breakers)
        self._gossip = start_gossip(breakers)
        return _Stores(breakers, metadata, objects)

    async def _present(self) -> _ImportSide:
        """The import side with the model of the index in use, as of a moment ago.

        What is staged or written for another index is refused, so that the file comes again.

        Raises:
            ModelUnavailableError: it cannot be loaded; imports wait.
        """
        now = time.monotonic()
        if self._side is not None and now - self._asked_at < ACTIVE_INDEX_SECONDS:
            return self._side
        stores = await self._stores.get()
        active = await ensure_active_index(self._settings, stores.metadata)
        async with self._opening:
            if self._side is None or self._side.place.model != active.model:
                self._side = await self._open(stores, active)
            self._asked_at = now
            return self._side

    async def _open(self, stores: _Stores, place: IndexPlace) -> _ImportSide:
        settings, metadata, objects = self._settings, stores.metadata, stores.objects
        model = await asyncio.to_thread(load_model, settings, place)
        embedder = guard_embedder(model, stores.breakers)
        slices = SliceImporter(
            metadata,
            # Every write is in a transaction that makes sure that this index is the one in use.
            ActorIndexWriter(place),
            embedder,
            limits=chunk_limits(settings),
            batch_records=settings.ingest.batch_records,
        )
        archive, extractor = archive_limits(settings), open_extractor(settings)
        parsers = followed_parsers(settings, metadata)
        limits = PlanLimits(settings.ingest.slice_bytes, archive, extractor)
        direct = open_direct_uploads(settings)
        adopter = UploadAdopter(direct, metadata, objects) if direct else None
        return _ImportSide(
            place,
            embedder,
            FilePlanner(metadata, objects, limits, parsers=parsers, adopter=adopter),
            FileImporter(
                metadata, objects, slices, archive=archive, extractor=extractor, parsers=parsers
            ),
            slices.passages,
        )

    async def plan_file(self, file_id: FileId) -> None:
        await (await self._present()).planner.plan_file(file_id)

    async def import_file(self, claim: Claim) -> None:
        await (await self._present()).importer.run(claim)

    async def show_names(self, file_id: FileId) -> None:
        await (await self._present()).importer.show_names(file_id)

    async def regroup(self, file_id: FileId) -> None:
        await (await self._present()).passages.run(file_id)

    async def ping(self) -> int:
        """Process id, as proof that the stores answer, and the model is loaded if it is there."""
        try:
            await self._present()
        except ModelUnavailableError as error:
            log.error("model_unavailable", error=error.message)
        return os.getpid()

    async def repair(self) -> RepairReport:
        """As ``pipelines.repairing``; here the model is."""
        settings, side, stores = self._settings, await self._present(), await self._stores.get()
        place = side.place
        index = await open_index(settings, dimension=place.dimension, location=place.location)
        try:
            compared = RepairStores(stores.metadata, stores.objects, index, ActorIndexWriter())
            return await repairer(settings, compared, side.embedder, SystemClock()).run()
        finally:
            await index.close()

    async def probe(self, recipe: Recipe) -> IndexPlace:
        """As ``Maintenance.probe``."""
        return await asyncio.to_thread(probe, self._settings, recipe)


class ActorImportWorkers:
    """The pool of import workers, each file given to the least busy one."""

    def __init__(self, settings: Settings, metadata: MetadataStore, pool: WorkerPool) -> None:
        self._settings = settings
        self._metadata = metadata
        self._pool = pool
        self._bulk = asyncio.Lock()

    async def import_file(self, claim: Claim) -> None:
        """As ``conductor.ImportWorkers``; what is large or wants a job goes through Ray Data."""
        file = await self._metadata.files.find(claim.file_id)
        is_large = file.file_size > self._settings.ingest.bulk_bytes
        if file.options.as_job or (is_large and await self._has_several_slices(claim)):
            await self._in_bulk(claim, file)
        else:
            await self._on_least_busy(lambda worker: worker.import_file.remote(claim))

    async def _has_several_slices(self, claim: Claim) -> bool:
        return len(await self._metadata.slices.pending(claim.file_id)) > 1

    async def _in_bulk(self, claim: Claim, file: FileImport) -> None:
        """One large file at a time: each takes all the cores there are."""
        # Imported here: Ray Data takes 75 MB, in each process of the import side.
        from pipelines.bulk import BulkJob, import_in_bulk

        place = await ensure_active_index(self._settings, self._metadata)
        settings = settings_for(self._settings, place.recipe)
        job = BulkJob(
            settings,
            claim,
            file,
            place.model,
            chunk_limits(settings),
            archive_limits(settings),
        )
        async with self._bulk:
            await translated(import_in_bulk.remote(job), "the bulk import")

    async def plan_file(self, file_id: FileId) -> None:
        await self._on_least_busy(lambda worker: worker.plan_file.remote(file_id))

    async def show_names(self, file_id: FileId) -> None:
        """As ``FileImporter.show_names``; where the model is."""
        await self._on_least_busy(lambda worker: worker.show_names.remote(file_id))

    async def regroup(self, file_id: FileId) -> None:
        await self._on_least_busy(lambda worker: worker.regroup.remote(file_id))

    async def _on_least_busy(self, method: Callable[[Any], Awaitable[None]]) -> None:
        async with self._pool.turn() as number:
            worker = await living_worker(number)
            await translated(method(worker), f"import worker {number}")


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_restarts=-1, max_task_retries=0)
class ConductorActor:
    """Runs the conductor from its first breath, so that a restarted one needs no call."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        os.nice(5)
        self._settings = settings
        self._thread = threading.Thread(target=self._conduct, name=CONDUCTOR, daemon=True)
        self._thread.start()

    def ping(self) -> int:
        """Process id, as proof of life."""
        return os.getpid()

    def _conduct(self) -> None:
        """The conductor never returns; should it, Ray starts this process anew."""
        try:
            asyncio.run(conduct(self._settings))
        except Exception:
            log.exception("conductor_died")
        finally:
            os._exit(1)


async def conduct(settings: Settings) -> None:
    """Wire a conductor to its stores and workers and run it; waits for stores to come up."""
    breakers = open_breakers(settings)
    async with gossiping(breakers):
        await _conduct(settings, breakers)


async def _conduct(settings: Settings, breakers: Breakers) -> None:
    metadata = await patiently(lambda: open_metadata(settings, breakers))
    objects = guard_objects(open_objects(settings), breakers)
    pool = _worker_pool(settings)
    workers = ActorImportWorkers(settings, metadata, pool)
    handlers = EventHandlers(metadata, plan_file=workers.plan_file)
    limits = ConductorLimits(
        files_in_flight=FILES_PER_WORKER * settings.ingest.most_workers,
        lease_seconds=settings.ingest.lease_seconds,
        event_attempts=settings.events.attempts,
        event_retention_seconds=settings.events.retention_days * SECONDS_PER_DAY,
        history_retention_seconds=settings.history.retention_days * SECONDS_PER_DAY,
    )
    deleter = FileDeleter(
        metadata,
        objects,
        ActorIndexWriter(),
        show_names=workers.show_names,
        regroup=workers.regroup,
    )
    conductor = Conductor(
        metadata, workers, handlers, deleter, limits, pause=BreakerPause(breakers)
    )
    direct = open_direct_uploads(settings)
    housekeeping = Housekeeping(
        objects,
        UploadFinisher(direct, metadata) if direct else None,
        untouched_seconds=settings.objects.leftover_seconds,
    )
    keeper = IndexKeeper(
        metadata,
        build=lambda place: translated(build_index.remote(settings, place), "building the index"),
        remove=ActorIndexWriter().remove,
        grace=timedelta(hours=settings.reconcile.old_index_grace_hours),
        clock=SystemClock(),
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keeper.run())
        tasks.create_task(housekeeping.run())
        tasks.create_task(LinkingService(metadata).run())
        tasks.create_task(ArrivalSweeper(metadata.arriving).run())
        tasks.create_task(pool.tend())
        tasks.create_task(conductor.run())


def _worker_pool(settings: Settings) -> WorkerPool:
    """The workers that ``start_actors`` starts, and further ones while the queue is long."""
    size = PoolSize(settings.ingest.workers, settings.ingest.most_workers)
    further = FurtherWorkers(
        lambda name, **options: _start(IngestWorkerActor, name, settings, **options),
        on_first_node=size.least,
    )
    return WorkerPool(size, start=further.start, stop=further.stop)


def start_actors(settings: Settings, *, timeout_seconds: float = 240.0) -> dict[str, int]:
    """Start the breaker hub, the index writer, the import workers and the conductor.

    Waits until they answer; nobody waits for the hub, without which everything works.

    Returns their process ids by name. They live as long as the driver that called this.
    """
    asyncio.run(_ensure_active_index(settings))
    _alive[BREAKER_HUB] = _start(BreakerHubActor, BREAKER_HUB, settings)
    started = {INDEX_WRITER: _start(IndexWriterActor, INDEX_WRITER, settings)}
    for number in range(settings.ingest.workers):
        name = worker_name(number)
        started[name] = _start(IngestWorkerActor, name, settings)
    pids = _pids(started, timeout_seconds)
    conductor = {CONDUCTOR: _start(ConductorActor, CONDUCTOR, settings)}
    _alive.update(started | conductor)
    return pids | _pids(conductor, timeout_seconds)


_alive: dict[str, Any] = {}
"""Handles that keep the actors from being collected while their driver lives."""


def stop_actors() -> None:
    """End the actors that ``start_actors`` started in this process."""
    for actor in _alive.values():
        with contextlib.suppress(ray.exceptions.RayError):
            ray.kill(actor, no_restart=True)
    _alive.clear()


async def _ensure_active_index(settings: Settings) -> None:
    """Once for all: at the first start the model is loaded to see its name."""
    metadata = await patiently(lambda: open_metadata(settings), seconds=STORES_SECONDS)
    try:
        await ensure_active_index(settings, metadata)
    finally:
        await metadata.close()


def _start(kind: Any, name: str, *arguments: Any, **options: Any) -> Any:
    return kind.options(name=name, namespace=NAMESPACE, **options).remote(*arguments)


def _pids(actors: dict[str, Any], timeout_seconds: float) -> dict[str, int]:
    deadline = time.monotonic() + timeout_seconds
    return {name: process_of(actor, deadline=deadline) for name, actor in actors.items()}
