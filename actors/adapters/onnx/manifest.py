"""What a prepared model says about itself, in the ``manifest.json`` of its directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

FORMAT = 1
MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
BF16_FILE = "model.xml"
TOKENIZER_FILE = "tokenizer.json"


class Precision(StrEnum):
    """What the model computes in: int8 on ONNX Runtime, or bf16 on OpenVINO."""

    INT8 = "int8"
    BF16 = "bf16"


_FILES = {
    Precision.INT8: (MODEL_FILE, TOKENIZER_FILE),
    Precision.BF16: (BF16_FILE, "model.bin", TOKENIZER_FILE),
}


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """``source`` tells where the model came from; the speeds are of one core at set-up.

    ``similarity`` is the mean cosine similarity to the float32 model over a few sentences.
    """

    model: str
    dimension: int
    max_tokens: int
    precision: Precision
    source: str
    similarity: float
    short_texts_per_second: float
    long_texts_per_second: float
    format: int = FORMAT

    @classmethod
    def read(cls, model_dir: Path) -> ModelManifest | None:
        """The manifest, or ``None`` where there is none that this version understands."""
        try:
            fields = json.loads((model_dir / MANIFEST_FILE).read_text())
            manifest = cls(**{**fields, "precision": Precision(fields["precision"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        has_files = all((model_dir / name).is_file() for name in _FILES[manifest.precision])
        return manifest if has_files and manifest.format == FORMAT else None

    def write(self, model_dir: Path) -> None:
        (model_dir / MANIFEST_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")
