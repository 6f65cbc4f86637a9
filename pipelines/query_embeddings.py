"""Vectors of the texts that were asked for lately: a changed filter costs no embedding."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.models.chunks import Embedding
from domain.ports.embedder import Embedder

MAX_TEXTS = 4_096
"""Of 384 numbers each, 6 MiB."""

MAX_CHARS = 1_000
"""Longer texts are not asked twice, as a rule, and are not remembered."""


class QueryEmbeddings:
    """Remembers vectors by model and text; those unused for longest go first. Thread-safe."""

    def __init__(self, *, max_texts: int = MAX_TEXTS) -> None:
        self._max_texts = max_texts
        self._vectors: OrderedDict[tuple[str, str], Embedding] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, model: str, text: str) -> Embedding | None:
        with self._lock:
            vector = self._vectors.get((model, text))
            if vector is not None:
                self._vectors.move_to_end((model, text))
            return vector

    def remember(self, model: str, text: str, vector: Embedding) -> None:
        if len(text) > MAX_CHARS:
            return
        with self._lock:
            self._vectors[model, text] = vector
            self._vectors.move_to_end((model, text))
            while len(self._vectors) > self._max_texts:
                self._vectors.popitem(last=False)


class RememberingEmbedder:
    """An embedder that computes no text's vector again while it is remembered."""

    def __init__(
        self,
        embedder: Embedder,
        embeddings: QueryEmbeddings,
        *,
        count: Callable[[int], None] = lambda _: None,
    ) -> None:
        """``count`` is told how many texts were computed."""
        self._embedder = embedder
        self._embeddings = embeddings
        self._count = count

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        model = self._embedder.model
        vectors = {text: self._embeddings.known(model, text) for text in texts}
        if missing := [text for text, vector in vectors.items() if vector is None]:
            for text, vector in zip(missing, self._embedder.embed(missing), strict=True):
                vectors[text] = vector
                self._embeddings.remember(model, text, vector)
            self._count(len(missing))
        rows = [vectors[text] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), self.dimension)

    def close(self) -> None:
        self._embedder.close()
