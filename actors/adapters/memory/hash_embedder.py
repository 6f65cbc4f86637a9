"""An embedder without a model, for tests: texts that share words lie near each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

_WORDS = re.compile(r"\w+")
_NO_WORD = ""


class HashEmbedder:
    """A text's vector is the sum of its words' pseudo-random directions, the same everywhere."""

    def __init__(self, *, dimension: int = 384, max_tokens: int = 256) -> None:
        self._dimension = dimension
        self._max_tokens = max_tokens

    @property
    def model(self) -> str:
        return f"hash-{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.empty((len(texts), self._dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = _WORDS.findall(text.lower())[: self._max_tokens] or [_NO_WORD]
            total = np.sum([_direction(word, self._dimension) for word in words], axis=0)
            row[:] = total / np.linalg.norm(total)
        return rows

    def close(self) -> None:
        return None


@lru_cache(maxsize=20_000)
def _direction(word: str, dimension: int) -> NDArray[np.float64]:
    seed = int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest())
    return np.random.default_rng(seed).standard_normal(dimension)
