"""The collection: what it is made of, and whether the one that is there is ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import (
    Configure,
    DataType,
    Property,
    StopwordsPreset,
    Tokenization,
)
from weaviate.collections import CollectionAsync
from weaviate.exceptions import UnexpectedStatusCodeError

from actors.adapters.weaviate.vectors import Vectors
from actors.store_settings import WeaviateSettings
from domain.errors import DimensionMismatchError, IndexUnavailableError

SCHEMA_VERSION = 4
"""Raised with whatever an older collection has otherwise, the words of texts among it."""

K1, B = 1.2, 0.75
"""Of BM25, as tantivy has them."""

_MARK = re.compile(r"\(Headrace schema (\d+), (vectors [^()]+)\)")

_TEXT, _INT = DataType.TEXT, DataType.INT


@dataclass(frozen=True, slots=True)
class Opened:
    collection: CollectionAsync
    shards: int


async def open_collection(
    client: WeaviateAsyncClient, settings: WeaviateSettings, vectors: Vectors
) -> Opened:
    """Open the collection, creating it when it is not there.

    Raises:
        DimensionMismatchError: it holds vectors of another length.
        IndexUnavailableError: it is not one of ours.
    """
    name = settings.collection
    if not await client.collections.exists(name):
        await _create(client, settings, vectors)
    collection = client.collections.use(name)
    config = await collection.config.get()
    _check(config.description, name, vectors)
    shards = config.sharding_config.actual_count if config.sharding_config else 1
    return Opened(collection, shards)


async def _create(
    client: WeaviateAsyncClient, settings: WeaviateSettings, vectors: Vectors
) -> None:
    """Of several processes that start at once, one creates it and the others find it there."""
    try:
        await client.collections.create(
            settings.collection,
            description=_described(vectors),
            properties=_properties(),
            vector_config=vectors.config(),
            # The words come without stop words; whatever is left is to be found.
            inverted_index_config=Configure.inverted_index(
                stopwords_preset=StopwordsPreset.NONE, bm25_k1=K1, bm25_b=B
            ),
            replication_config=Configure.replication(factor=settings.replicas),
        )
    except UnexpectedStatusCodeError:
        if not await client.collections.exists(settings.collection):
            raise


def _described(vectors: Vectors) -> str:
    """Weaviate learns the length of its vectors from the first one, and tells nobody."""
    mark = f"(Headrace schema {SCHEMA_VERSION}, {vectors.origin})"
    return f"Unified content from all data sources {mark}"


def _check(description: str | None, name: str, vectors: Vectors) -> None:
    mark = _MARK.search(description or "")
    if mark is None or int(mark[1]) != SCHEMA_VERSION:
        raise IndexUnavailableError(
            f"the collection {name} in Weaviate was not made by this version of Headrace: set "
            "HEADRACE_WEAVIATE__COLLECTION to a new name, start the service and run 'headrace "
            "verify --repair', which fills it anew",
            collection=name,
        )
    if mark[2] != vectors.origin:
        raise DimensionMismatchError(
            f"the collection {name} in Weaviate holds {mark[2]}, the settings ask for "
            f"{vectors.origin}: choose the embedder that filled it, or set "
            "HEADRACE_WEAVIATE__COLLECTION to a new name",
            expected=mark[2],
            given=vectors.origin,
        )


def _properties() -> list[Property]:
    return [
        _shown("content", _TEXT, "The actual content text"),
        _exact("sourceType", _TEXT, "Source system (slack, gong, salesforce, etc.)"),
        _exact("contentType", _TEXT, "Type of content (message, transcript, record)"),
        _shown("timestamp", DataType.DATE, "Original timestamp from source"),
        Property(
            name="timestampMicros",
            description="The timestamp in microseconds since 1970, which filters compare",
            data_type=_INT,
            index_filterable=False,
            index_range_filters=True,
        ),
        _shown("metadata", _TEXT, "Additional metadata from source, as JSON"),
        _exact("fileImportId", _TEXT, "Reference to PostgreSQL file_imports"),
        _exact("recordId", DataType.UUID, "The record that the chunk is a slice of"),
        _shown("title", _TEXT, "Title of the record"),
        _shown("details", _TEXT, "Author, thread, URL, place in the record and so on, as JSON"),
        _exact("labels", DataType.TEXT_ARRAY, 'Short metadata as "key=value", in quotes'),
        _exact("visibility", DataType.TEXT_ARRAY, "Who may see it, each in quotes"),
        Property(
            name="words",
            description="Title and content as the keyword leg compares them: stemmed",
            data_type=_TEXT,
            tokenization=Tokenization.WHITESPACE,
            index_filterable=False,
            index_searchable=True,
        ),
    ]


def _shown(name: str, data_type: DataType, description: str) -> Property:
    """A property that is only read."""
    return Property(
        name=name,
        description=description,
        data_type=data_type,
        index_filterable=False,
        index_searchable=False if data_type is _TEXT else None,
    )


def _exact(name: str, data_type: DataType, description: str) -> Property:
    """A property that filters compare as a whole."""
    is_text = data_type in (_TEXT, DataType.TEXT_ARRAY)
    return Property(
        name=name,
        description=description,
        data_type=data_type,
        tokenization=Tokenization.FIELD if is_text else None,
        index_filterable=True,
        index_searchable=False if is_text else None,
    )
