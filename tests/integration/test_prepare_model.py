"""Preparing the model: idempotent, atomic, verified. Only the slow test converts weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from actors.adapters.onnx.manifest import MODEL_FILE, TOKENIZER_FILE, ModelManifest, Precision
from actors.adapters.onnx.prepare import (
    MIN_SIMILARITY,
    MODEL_NAMES,
    PreparedModel,
    open_prepared,
    prepare_model,
)
from actors.settings import Settings

Prepare = Callable[[Path], PreparedModel]


@pytest.fixture(scope="session")
def ready_model() -> Path:
    target = Settings().model_dir / MODEL_NAMES[Precision.INT8]
    command = [sys.executable, "-m", "actors.adapters.onnx.prepare", "--precision", "int8"]
    subprocess.run([*command, "--target", str(target)], check=True, capture_output=True)
    return target


@pytest.fixture
def prepare(ready_model: Path) -> Prepare:
    """Prepares from a hub that serves the ready model."""

    def serve(request: httpx.Request) -> httpx.Response:
        name = TOKENIZER_FILE if request.url.path.endswith(TOKENIZER_FILE) else MODEL_FILE
        return httpx.Response(200, content=(ready_model / name).read_bytes())

    return lambda target: prepare_model(target, hub=httpx.MockTransport(serve))


def test_a_model_from_the_hub_is_verified_and_measured(prepare: Prepare, tmp_path: Path) -> None:
    manifest = prepare(tmp_path / "model").manifest
    assert (manifest.source, manifest.similarity >= MIN_SIMILARITY) == ("hub", True)
    assert manifest.short_texts_per_second > manifest.long_texts_per_second > 0


def test_a_prepared_model_is_found_again(prepare: Prepare, tmp_path: Path) -> None:
    first = prepare(tmp_path / "model")
    second = prepare_model(tmp_path / "model", allow_hub=False)
    assert (second.was_present, second.manifest) == (True, first.manifest)


def test_nothing_but_the_model_is_left(prepare: Prepare, tmp_path: Path) -> None:
    prepare(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_half_prepared_directory_is_replaced(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / MODEL_FILE).write_bytes(b"half")
    assert not prepare(tmp_path / "model").was_present
    assert ModelManifest.read(tmp_path / "model") is not None


@pytest.mark.slow
@pytest.mark.parametrize("precision", Precision)
def test_without_a_hub_the_wheel_is_converted(precision: Precision, tmp_path: Path) -> None:
    target = tmp_path / "model"
    command = [sys.executable, "-m", "actors.adapters.onnx.prepare", "--no-hub"]
    options = ["--precision", precision, "--target", str(target)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    manifest = ModelManifest.read(target)
    assert manifest is not None
    assert (manifest.source, manifest.similarity >= MIN_SIMILARITY) == ("wheel", True)
    assert open_prepared(target, precision).embed(["hello"]).shape == (1, manifest.dimension)
