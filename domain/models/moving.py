"""Vectors on their way from one index to another: nothing is embedded twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from domain.models.chunks import LEFT_OUT, Embedding
from domain.models.ids import ChunkId
from domain.models.records import JsonValue
from domain.models.search import KeptChunk


@dataclass(frozen=True, slots=True)
class KeptVector:
    """A chunk's vector, and by ``text_digest`` (16 bytes) which text it is the vector of.

    ``metadata`` is what hits show of a record that has more than they show; the store keeps no
    order by which the same entries could be chosen again.
    """

    chunk_id: ChunkId
    text_digest: bytes
    embedding: Embedding
    metadata: Mapping[str, JsonValue] | None = None

    @classmethod
    def of(cls, kept: KeptChunk) -> KeptVector:
        shown = dict(kept.shown.metadata)
        is_cut = shown.pop(LEFT_OUT, None) is not None
        return cls(
            kept.shown.chunk_id,
            digest_of(kept.embedding_text),
            kept.embedding,
            shown if is_cut else None,
        )


def digest_of(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
