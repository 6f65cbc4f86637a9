"""Any sentence-transformers model, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.errors import FatalImportError

BATCH_TEXTS = 64


class SentenceTransformersEmbedder:
    """Imports torch when it is made, which takes seconds and 300 MB; never in a query process."""

    def __init__(self, model: str, *, device: str = "cpu", batch_texts: int = BATCH_TEXTS) -> None:
        """Load ``model``, a hub name or a local directory.

        Raises:
            FatalImportError: it cannot be loaded; the message says why.
        """
        from sentence_transformers import SentenceTransformer

        try:
            self._model = SentenceTransformer(model, device=device)
        except (OSError, ValueError, RuntimeError) as error:
            raise FatalImportError(
                f"the model {model!r} cannot be loaded on {device!r}: {error}", model=model
            ) from error
        self._name = model
        self._batch_texts = batch_texts

    @property
    def model(self) -> str:
        return f"{self._name}:float32"

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        return int(self._model.max_seq_length)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        rows: NDArray[np.float32] = self._model.encode(
            [text.encode(errors="replace").decode() for text in texts],
            batch_size=self._batch_texts,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return rows.astype(np.float32, copy=False)

    def close(self) -> None:
        return None
