"""What every form of the prepared model has in common: its manifest and its tokenizer."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from actors.adapters.onnx.manifest import TOKENIZER_FILE, ModelManifest, Precision
from domain.errors import FatalImportError

MAX_CHARS_PER_TOKEN = 32
"""A text is cut here before it is tokenised, so that a megabyte costs no more than a page."""


class OfPreparedModel:
    """The part of an ``Embedder`` that the model's manifest answers."""

    def __init__(self, model_dir: Path, precision: Precision) -> None:
        """Raises ``FatalImportError`` when ``model_dir`` holds no model of this precision."""
        manifest = ModelManifest.read(model_dir)
        if manifest is None or manifest.precision != precision:
            raise FatalImportError(
                f"no prepared model in {model_dir}: "
                f"run 'python -m actors.adapters.onnx.prepare --precision {precision}'",
                model_dir=str(model_dir),
            )
        self._manifest = manifest
        self._tokenizer = Tokenizer.from_file(str(model_dir / TOKENIZER_FILE))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(manifest.max_tokens)

    @property
    def model(self) -> str:
        return f"{self._manifest.model}:{self._manifest.precision}"

    @property
    def dimension(self) -> int:
        return self._manifest.dimension

    @property
    def max_tokens(self) -> int:
        return self._manifest.max_tokens

    def _readable(self, text: str) -> str:
        """As much of a text as can matter, in characters that can be encoded."""
        return text[: self.max_tokens * MAX_CHARS_PER_TOKEN].encode(errors="replace").decode()
