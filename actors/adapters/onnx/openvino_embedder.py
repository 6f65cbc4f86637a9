"""The prepared model in bf16 on OpenVINO, for processors that multiply bf16 themselves."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from actors.adapters.onnx.manifest import BF16_FILE, Precision
from actors.adapters.onnx.prepared import OfPreparedModel

BATCH_TOKENS = 512
"""Tokens in one run: more of them gain nothing (measured from 12 to 256 tokens per text)."""

MAX_BATCH_TEXTS = 16
WARM_TOKENS, WARM_TEXTS = 32, (1, 2, 4, 8, 16)
"""Shapes that are compiled at the start: most queries have no more tokens."""


class OpenVinoEmbedder(OfPreparedModel):
    """Embeds texts of like lengths together, up to ``sessions`` runs at a time.

    A text's vector is that of float32 but for bf16's rounding (cosine > 0.999), whatever it is
    embedded beside. OpenVINO compiles for each shape anew (5 to 10 ms), so there are few: lengths
    are rounded up, and batches have 1, 2, 4, 8 or 16 texts. Safe for concurrent use.
    """

    def __init__(self, model_dir: Path, *, sessions: int = 1) -> None:
        """Load the model. Raises ``FatalImportError`` when ``model_dir`` holds no prepared one."""
        super().__init__(model_dir, Precision.BF16)
        self._runs: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
        for run in _open_runs(model_dir / BF16_FILE, sessions):
            self._runs.put(run)
        self._pool = ThreadPoolExecutor(sessions, "embedder") if sessions > 1 else None
        for texts, length in product(WARM_TEXTS, range(8, WARM_TOKENS + 1, 8)):
            self._embed_together([[0] * length] * texts)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.empty((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch_fast([self._readable(text) for text in texts])
        tokens = [each.ids for each in encoded]

        def embed_batch(places: Sequence[int]) -> None:
            rows[places] = self._embed_together([tokens[place] for place in places])

        batches = batches_of([len(ids) for ids in tokens])
        # Whatever a run raises is raised here, where its result is asked for.
        for _ in self._pool.map(embed_batch, batches) if self._pool else map(embed_batch, batches):
            pass
        return rows

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def _embed_together(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        shape = len(tokens), rounded_up(max(len(ids) for ids in tokens))
        padded = np.zeros(shape, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for row, ids in enumerate(tokens):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        inputs = {"input_ids": padded, "attention_mask": mask, "token_type_ids": padded * 0}
        run = self._runs.get()
        try:
            found: NDArray[np.float32] = run.infer(inputs, share_inputs=True, share_outputs=True)[0]
            # The norm follows, so that the sum over the tokens does for their mean.
            summed: NDArray[np.float32] = np.einsum("btd,bt->bd", found, mask.astype(np.float32))
        finally:
            self._runs.put(run)
        lengths: NDArray[np.float32] = np.linalg.norm(summed, axis=1, keepdims=True)
        return summed / lengths


def batches_of(lengths: Sequence[int]) -> Iterator[Sequence[int]]:
    """Places of the texts that run together, the longest first.

    A power of two of them, as many as fit ``BATCH_TOKENS``, and none less than half as long as
    another.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    at = 0
    while at < len(order):
        longest = rounded_up(lengths[order[at]])
        places = order[at : at + min(BATCH_TOKENS // longest, MAX_BATCH_TEXTS)]
        alike = sum(lengths[place] * 2 >= longest for place in places)
        count = 1 << (max(1, alike).bit_length() - 1)
        yield places[:count]
        at += count


def rounded_up(length: int) -> int:
    """The next length that runs have: a multiple of 8, of 16 above 64, of 32 above 128."""
    step = 8 if length <= 64 else 16 if length <= 128 else 32
    return -(-length // step) * step


def _open_runs(path: Path, sessions: int) -> Iterator[openvino.InferRequest]:
    """Runs of one loaded model, each with a thread of its own."""
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16",
        "NUM_STREAMS": sessions,
        "INFERENCE_NUM_THREADS": sessions,
        "ENABLE_CPU_PINNING": False,
    }
    model = openvino.Core().compile_model(str(path), "CPU", settings)
    for _ in range(sessions):
        yield model.create_infer_request()
