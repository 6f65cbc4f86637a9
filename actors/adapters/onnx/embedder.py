"""The prepared int8 model on ONNX Runtime: no torch, no transformers, one core per text."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from actors.adapters.onnx.manifest import MODEL_FILE, Precision
from actors.adapters.onnx.prepared import OfPreparedModel


class OnnxEmbedder(OfPreparedModel):
    """Embeds one text per model run, up to ``sessions`` runs at a time.

    ONNX Runtime scales int8 activations by the largest value of a whole batch, so a batch lets
    its texts change each other's vectors by up to 0.03 in cosine distance (measured). Alone, a
    text always gets the same vector. This costs 20 % on short texts and gains 10 % on long ones,
    which fit the caches better. The runs share one loaded model: it is safe for concurrent use.
    """

    def __init__(self, model_dir: Path, *, sessions: int = 1, threads_per_session: int = 1) -> None:
        """Load the model. Raises ``FatalImportError`` when ``model_dir`` holds no prepared one."""
        super().__init__(model_dir, Precision.INT8)
        self._session = _open_session(model_dir / MODEL_FILE, threads_per_session)
        self._input_names = {node.name for node in self._session.get_inputs()}
        self._sessions = sessions
        self._pool = ThreadPoolExecutor(sessions, "embedder") if sessions > 1 else None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        # The longest first, so that no thread is left alone with a long one at the end.
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        places = _SharedIterator(iter(order))
        if self._pool is None or len(texts) < 2:
            self._embed_each(places, texts, rows)
        else:
            runs = [
                self._pool.submit(self._embed_each, places, texts, rows)
                for _ in range(min(self._sessions, len(texts)))
            ]
            for run in runs:
                run.result()
        return rows

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _embed_each(
        self, places: Iterator[int], texts: Sequence[str], rows: NDArray[np.float32]
    ) -> None:
        for place in places:
            rows[place] = self._embed_one(texts[place])

    def _embed_one(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(self._readable(text)).ids], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        named = {name: inputs[name] for name in self._input_names}
        tokens: NDArray[np.float32] = self._session.run(None, named)[0][0]
        pooled: NDArray[np.float32] = tokens.mean(axis=0)
        return pooled / np.linalg.norm(pooled)


class _SharedIterator:
    """An iterator that several threads may draw from."""

    def __init__(self, items: Iterator[int]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def __iter__(self) -> _SharedIterator:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._items)


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # The memory pattern is planned per input shape; with every text of its own shape it only
    # piles up plans. Spinning threads would take the cores from queries.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
