"""Whose vectors the collection holds: the embedder's, or those that Weaviate has made by OpenAI."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Protocol

from weaviate.classes.config import Configure, VectorDistances
from weaviate.collections import CollectionAsync

from actors.store_settings import Vectorizer, WeaviateSettings
from domain.models.chunks import EmbeddedChunk, Embedding

VECTOR = "default"
SOURCE_PROPERTIES = ["title", "content"]


class Vectors(Protocol):
    @property
    def origin(self) -> str:
        """What the collection's description says of its vectors."""
        ...

    @property
    def are_ours(self) -> bool:
        """Whether they are the embedder's."""
        ...

    def config(self) -> Any:
        """How a new collection is told."""
        ...

    def of(self, embedded: EmbeddedChunk) -> dict[str, list[float]] | None:
        """What a chunk's object brings; ``None`` where Weaviate is to make it."""
        ...

    async def search(
        self, collection: CollectionAsync, embedding: Embedding, text: str, **options: Any
    ) -> Any:
        """The objects nearest to the query."""
        ...


@dataclass(frozen=True, slots=True)
class OwnVectors:
    """The embedder's vectors, of ``dimension`` numbers, each time of another length.

    A vector that Weaviate has already it does not index again, also where its graph lost it, as
    it does when the server is killed in the middle of a batch. Written again, it must therefore
    be another one; the cosine is that of the direction alone.
    """

    dimension: int

    @property
    def origin(self) -> str:
        return f"vectors of length {self.dimension}"

    @property
    def are_ours(self) -> bool:
        return True

    def config(self) -> Any:
        return Configure.Vectors.self_provided(name=VECTOR, **_index())

    def of(self, embedded: EmbeddedChunk) -> dict[str, list[float]] | None:
        length = random.uniform(1.0, 2.0)
        return {VECTOR: (embedded.embedding * length).tolist()}

    async def search(
        self, collection: CollectionAsync, embedding: Embedding, text: str, **options: Any
    ) -> Any:
        return await collection.query.near_vector(embedding.tolist(), **options)


@dataclass(frozen=True, slots=True)
class OpenAiVectors:
    """Weaviate's module ``text2vec-openai`` embeds chunks and queries; ours are left out."""

    model: str
    base_url: str | None

    @property
    def origin(self) -> str:
        return f"vectors by text2vec-openai {self.model}"

    @property
    def are_ours(self) -> bool:
        return False

    def config(self) -> Any:
        return Configure.Vectors.text2vec_openai(
            name=VECTOR,
            model=self.model,
            base_url=self.base_url,  # type: ignore[arg-type]  # pydantic takes the text
            source_properties=SOURCE_PROPERTIES,
            vectorize_collection_name=False,
            **_index(),
        )

    def of(self, embedded: EmbeddedChunk) -> dict[str, list[float]] | None:
        return None

    async def search(
        self, collection: CollectionAsync, embedding: Embedding, text: str, **options: Any
    ) -> Any:
        return await collection.query.near_text(text, **options)


def vectors_of(settings: WeaviateSettings, *, dimension: int) -> Vectors:
    match settings.vectorizer:
        case Vectorizer.NONE:
            return OwnVectors(dimension)
        case Vectorizer.OPENAI:
            return OpenAiVectors(settings.openai_model, settings.openai_base_url)


def _index() -> dict[str, Any]:
    """Uncompressed, as scores are to be exact; newer servers compress unless told."""
    return {
        "quantizer": Configure.VectorIndex.Quantizer.none(),
        "vector_index_config": Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE),
    }
