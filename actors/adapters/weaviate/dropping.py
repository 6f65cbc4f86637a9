"""Taking away a collection that is no longer used."""

from __future__ import annotations

from actors.adapters.weaviate.connection import connect
from actors.adapters.weaviate.errors import translated
from actors.store_settings import WeaviateSettings


async def drop_collection(settings: WeaviateSettings) -> None:
    """Remove the collection with all its objects; an absent one is no error."""
    with translated(settings.url, "drop the search index"):
        client = await connect(settings)
        try:
            await client.collections.delete(settings.collection)
        finally:
            await client.close()
