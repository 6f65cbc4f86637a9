"""Building an index where Ray puts it: a process of its own, with the new model."""

from __future__ import annotations

import asyncio
import os

import ray

from actors.active_index import absent, recipe_of
from actors.bootstrap import open_metadata, open_model
from actors.index_writer import ActorIndexWriter
from actors.logging import configure_logging
from actors.namespace import ON_FIRST_NODE
from actors.settings import Settings
from domain.errors import FatalImportError, ModelUnavailableError
from domain.models.indexes import IndexPlace
from domain.ports.embedder import Embedder
from pipelines.maintenance import chunk_limits
from pipelines.reindexing import Reindexer


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_retries=0)
def build_index(settings: Settings, place: IndexPlace) -> None:
    """Build an index to the end and switch to it, in a process of its own with the new model."""
    configure_logging(settings.log)
    os.nice(10)
    asyncio.run(_build_index(settings, place))


async def _build_index(settings: Settings, place: IndexPlace) -> None:
    metadata = await open_metadata(settings)
    embedder = await asyncio.to_thread(load_model, settings, place)
    try:
        writer, limits = ActorIndexWriter(place), chunk_limits(settings)
        await Reindexer(metadata, writer, embedder, limits=limits).run()
    finally:
        embedder.close()
        await metadata.close()


def load_model(settings: Settings, place: IndexPlace) -> Embedder:
    """The model of an index, for importing. Blocking.

    Raises:
        FatalImportError: the settings name it, and it cannot be loaded.
        ModelUnavailableError: it was left behind, and cannot be loaded.
    """
    try:
        return open_model(settings, place, sessions=settings.embedder.import_sessions)
    except (FatalImportError, ModelUnavailableError) as error:
        if isinstance(error, FatalImportError) and recipe_of(settings.embedder) == place.recipe:
            raise
        raise absent(place, error) from error
