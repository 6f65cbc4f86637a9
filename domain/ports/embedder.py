"""Texts to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into vectors. Blocking and CPU-bound: async callers use a thread."""

    @property
    def model(self) -> str:
        """Name of the model and its precision; vectors of two names are never compared.

        A name stands for one ``dimension``.
        """
        ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads; it does not see the rest."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, any number of any length, an empty text included.

        Returns:
            float32 of shape ``(len(texts), dimension)``, rows L2-normalised, in input order. A
            text's row does not depend on the other texts by more than 1e-2 in cosine distance.
        """
        ...

    def close(self) -> None: ...
