"""Vectors kept on disk by their texts: a collection is embedded once, then measured in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.ports.embedder import Embedder

KEY_BYTES = 16
TEXTS_PER_WRITE = 256


class CachedEmbedder:
    """Fulfils ``Embedder``: asks ``embedder`` only for texts that it has no vector of.

    In ``directory``, if there is one, is a file for each model, rows of key and vector one after
    the other. One process writes at a time; one that is killed while writing leaves half a row at
    the end, which is cut off.
    """

    def __init__(self, embedder: Embedder, directory: Path | None) -> None:
        self._embedder = embedder
        self._row = np.dtype(
            [("key", f"S{2 * KEY_BYTES}"), ("vector", np.float32, embedder.dimension)]
        )
        self._path = _path_of(embedder.model, directory) if directory else None
        self._vectors: dict[bytes, NDArray[np.float32]] = {}
        if self._path is not None and self._path.exists():
            self._read(self._path)

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
        keys = [_key(text) for text in texts]
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors
        }
        items = list(missing.items())
        for start in range(0, len(items), TEXTS_PER_WRITE):
            self._add(items[start : start + TEXTS_PER_WRITE])
        if not keys:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([self._vectors[key] for key in keys])

    def close(self) -> None:
        self._embedder.close()

    def _read(self, path: Path) -> None:
        whole = path.stat().st_size // self._row.itemsize
        rows = np.fromfile(path, self._row, count=whole)
        self._vectors = dict(zip(rows["key"].tolist(), rows["vector"], strict=True))
        with path.open("r+b") as file:
            file.truncate(whole * self._row.itemsize)

    def _add(self, items: Sequence[tuple[bytes, str]]) -> None:
        rows = np.empty(len(items), self._row)
        rows["key"] = [key for key, _ in items]
        rows["vector"] = self._embedder.embed([text for _, text in items])
        if self._path is not None:
            with self._path.open("ab") as file:
                rows.tofile(file)
        self._vectors |= zip(rows["key"].tolist(), rows["vector"], strict=True)


def _path_of(model: str, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory / f"{model.replace('/', '_').replace(':', '_')}.vectors"


def _key(text: str) -> bytes:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES)
    return digest.hexdigest().encode()
