"""What operators may ask for that needs the model or the index's only writer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from actors.active_index import chosen_recipe, place_of, settings_for
from actors.bootstrap import Services, drop_index, open_embedder
from actors.settings import Settings
from domain.chunking import ChunkLimits
from domain.models.indexes import IndexPlace, IndexReport
from domain.models.records import JsonValue
from domain.ports.metadata_store import MetadataStore
from pipelines.index_keeping import drop_old
from pipelines.repairing import Repairer, RepairReport, RepairStores

Recipe = Mapping[str, JsonValue]


class Maintenance(Protocol):
    """Where the model and the index's writer are."""

    async def repair(self) -> RepairReport:
        """As ``Repairer.run``."""
        ...

    async def probe(self, recipe: Recipe) -> IndexPlace:
        """The place of an index that a recipe would make.

        Raises:
            FatalImportError: the model cannot be loaded; says the fix.
        """
        ...

    async def remove(self, place: IndexPlace) -> None:
        """Take an index's chunks away that nobody uses; again if need be."""
        ...


class LocalMaintenance:
    """In this process, which writes to the index itself."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def repair(self) -> RepairReport:
        services = self._services
        index, embedder = services.searched()
        stores = RepairStores(services.metadata, services.objects, index, index)
        return await repairer(services.settings, stores, embedder, services.clock).run()

    async def probe(self, recipe: Recipe) -> IndexPlace:
        return await asyncio.to_thread(probe, self._services.settings, recipe)

    async def remove(self, place: IndexPlace) -> None:
        await drop_index(self._services.settings, place.location)


def chunk_limits(settings: Settings) -> ChunkLimits:
    return ChunkLimits(
        max_tokens=settings.ingest.chunk_tokens,
        overlap_tokens=settings.ingest.chunk_overlap_tokens,
    )


def repairer(settings: Settings, stores: RepairStores, embedder: Any, clock: Any) -> Repairer:
    return Repairer(
        stores,
        embedder,
        limits=chunk_limits(settings),
        grace=timedelta(hours=settings.reconcile.orphan_grace_hours),
        clock=clock,
    )


def probe(settings: Settings, recipe: Recipe) -> IndexPlace:
    """Load a model to see its name and the length of its vectors. Blocking."""
    embedder = open_embedder(settings_for(settings, recipe))
    try:
        return place_of(embedder, recipe)
    finally:
        embedder.close()


class IndexService:
    """Changing the model, as callers see it."""

    def __init__(
        self, settings: Settings, metadata: MetadataStore, maintenance: Maintenance
    ) -> None:
        self._settings = settings
        self._metadata = metadata
        self._maintenance = maintenance

    async def list(self) -> Sequence[IndexReport]:
        return await self._metadata.indexes.list()

    async def request(self, model: str | None) -> IndexPlace:
        """Let everything be embedded with ``BACKEND[:NAME]``, or what the settings name.

        Raises:
            InvalidQueryError: no such model.
            FatalImportError: the model cannot be loaded.
            ConflictError: it is in use, or another is being built.
        """
        recipe = chosen_recipe(self._settings.embedder, model)
        return await self._metadata.indexes.request(await self._maintenance.probe(recipe))

    async def cancel(self) -> IndexPlace | None:
        return await self._metadata.indexes.cancel()

    async def drop_old(self) -> Sequence[str]:
        """Remove every index that is no longer used; returns their models."""
        return await drop_old(self._metadata, remove=self._maintenance.remove)
