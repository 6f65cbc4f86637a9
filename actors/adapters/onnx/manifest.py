"""What a prepared model says about itself, in the ``manifest.json`` of its directory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FORMAT = 1
MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """``source`` tells where the model came from; the speeds are of one core at set-up.

    ``similarity`` is the mean cosine similarity to the float32 model over a few sentences.
    """

    model: str
    dimension: int
    max_tokens: int
    precision: str
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
            manifest = cls(**fields)
        except (OSError, ValueError, TypeError):
            return None
        has_files = all((model_dir / name).is_file() for name in (MODEL_FILE, TOKENIZER_FILE))
        return manifest if has_files and manifest.format == FORMAT else None

    def write(self, model_dir: Path) -> None:
        (model_dir / MANIFEST_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")
