"""The whole API in this process: real PostgreSQL and object store, index in memory, no network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from actors.adapters.filesystem.object_store import FilesystemObjectStore
from actors.adapters.memory.cache import InMemoryCache
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.system_clock import SystemClock
from actors.bootstrap import Services
from actors.settings import (
    BlendingSettings,
    EventSettings,
    HttpSettings,
    IngestSettings,
    ModuleSettings,
    Settings,
)
from actors.store_settings import ObjectSettings
from domain.chunking import ChunkLimits
from domain.models.files import Claim
from domain.ports.metadata_store import MetadataStore
from domain.ports.parser import ArchiveLimits
from pipelines.adopting import UploadAdopter
from pipelines.conductor import Conductor, ConductorLimits
from pipelines.deleting import FileDeleter
from pipelines.file_import import FileImporter, FilePlanner, PlanLimits
from pipelines.handlers import EventHandlers
from pipelines.slice_import import SliceImporter
from serve_app.api import create_app

MAX_UPLOAD_BYTES = 1_000_000
FINISHED = {"completed", "completed_with_errors", "failed"}


class LocalWorkers:
    def __init__(self, importer: FileImporter) -> None:
        self._importer = importer

    async def import_file(self, claim: Claim) -> None:
        await self._importer.run(claim)


def conductor_of(services: Services) -> Conductor:
    """The import side on the same stores, in this process."""
    metadata, objects, index = services.metadata, services.objects, services.index
    archive = ArchiveLimits()
    slices = SliceImporter(
        metadata, index, services.embedder, limits=ChunkLimits(), batch_records=100
    )
    adopter = UploadAdopter(services.direct, metadata, objects) if services.direct else None
    planner = FilePlanner(metadata, objects, PlanLimits(1_000_000, archive), adopter=adopter)
    handlers = EventHandlers(metadata, plan_file=planner.plan_file)
    importer = FileImporter(metadata, objects, slices, archive=archive)
    return Conductor(
        metadata,
        LocalWorkers(importer),
        handlers,
        FileDeleter(
            metadata,
            objects,
            index,
            show_names=importer.show_names,
            regroup=slices.passages.run,
        ),
        ConductorLimits(files_in_flight=4, lease_seconds=10.0),
    )


@dataclass(frozen=True)
class Api:
    """A client, and the services behind the application that it speaks to."""

    app: FastAPI
    client: httpx.AsyncClient
    services: Services

    async def upload(self, filename: str, content: bytes, **parameters: str) -> str:
        answer = await self.client.put(f"/v1/files/{filename}", content=content, params=parameters)
        assert answer.status_code == 202, answer.text
        file_id: str = answer.json()["id"]
        return file_id

    async def import_file(self, filename: str, content: bytes, **parameters: str) -> dict[str, Any]:
        """Upload a file, conduct it to its end, let the index reader see it."""
        return await self.conduct(await self.upload(filename, content, **parameters))

    async def conduct(self, file_id: str) -> dict[str, Any]:
        """Let the import side work until the file rests."""
        running = asyncio.create_task(conductor_of(self.services).run())
        try:
            async with asyncio.timeout(30):
                while (file := await self.file(file_id))["status"] not in FINISHED:
                    await self.services.metadata.events.wait(timeout_seconds=0.05)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        return file

    async def file(self, file_id: str) -> dict[str, Any]:
        file: dict[str, Any] = (await self.client.get(f"/v1/files/{file_id}")).json()
        return file

    async def query(self, text: str, **parts: Any) -> dict[str, Any]:
        answer = await self.client.post("/v1/query", json={"query": text, **parts})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


OpenApi = Callable[..., AbstractAsyncContextManager[Api]]


@pytest.fixture
def open_api(metadata_store: MetadataStore, tmp_path: Path) -> OpenApi:
    """Opens the API with a part of its services or settings replaced."""

    @asynccontextmanager
    async def open_it(
        *,
        http: HttpSettings | None = None,
        modules: ModuleSettings | None = None,
        objects_in: ObjectSettings | None = None,
        events: EventSettings | None = None,
        blending: BlendingSettings | None = None,
        queue_limit: int = 100,
        **replaced: Any,
    ) -> AsyncIterator[Api]:
        settings = Settings(
            data_dir=tmp_path,
            http=http or HttpSettings(max_upload_bytes=MAX_UPLOAD_BYTES),
            ingest=IngestSettings(queue_limit=queue_limit),
            modules=modules or ModuleSettings(),
            objects=objects_in or ObjectSettings(),
            events=events or EventSettings(),
            blending=blending or BlendingSettings(),
        )
        clock, embedder = SystemClock(), HashEmbedder()
        parts: dict[str, Any] = {
            "metadata": metadata_store,
            "objects": FilesystemObjectStore(tmp_path / "objects"),
            "index": InMemorySearchIndex(dimension=embedder.dimension),
            "cache": InMemoryCache(clock=clock),
            "embedder": embedder,
            "clock": clock,
        }
        services = Services(settings=settings, **{**parts, **replaced})

        @asynccontextmanager
        async def already_open() -> AsyncIterator[Services]:
            yield services

        app = create_app(already_open)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://api") as client,
        ):
            yield Api(app, client, services)

    return open_it


@pytest.fixture
async def api(open_api: OpenApi) -> AsyncIterator[Api]:
    async with open_api() as opened:
        yield opened
