"""Vectors of recent texts are not computed again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actors.adapters.memory.hash_embedder import HashEmbedder
from pipelines.query_embeddings import MAX_CHARS, QueryEmbeddings, RememberingEmbedder


class Computing(HashEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        return super().embed(texts)


def test_a_text_is_computed_once() -> None:
    computing = Computing()
    remembering = RememberingEmbedder(computing, QueryEmbeddings())
    first = remembering.embed(["pump", "valve"])
    second = remembering.embed(["valve", "pump", "hall"])
    assert computing.texts == ["pump", "valve", "hall"]
    np.testing.assert_array_equal(second[:2], first[::-1])


def test_rows_are_those_of_the_embedder() -> None:
    texts = ["pump", "", "pump", "a valve"]
    rows = RememberingEmbedder(HashEmbedder(), QueryEmbeddings()).embed(texts)
    np.testing.assert_array_equal(rows, HashEmbedder().embed(texts))


def test_no_texts_have_no_rows() -> None:
    embedder = HashEmbedder()
    rows = RememberingEmbedder(embedder, QueryEmbeddings()).embed([])
    assert rows.shape == (0, embedder.dimension)


def test_the_text_that_was_unused_for_longest_is_forgotten_first() -> None:
    embeddings = QueryEmbeddings(max_texts=2)
    remembering = RememberingEmbedder(HashEmbedder(), embeddings)
    for text in ("a", "b", "a", "c"):
        remembering.embed([text])
    known = [embeddings.known(remembering.model, text) is not None for text in "abc"]
    assert known == [True, False, True]


def test_another_model_has_its_own_vectors() -> None:
    embeddings = QueryEmbeddings()
    RememberingEmbedder(HashEmbedder(dimension=8), embeddings).embed(["a"])
    rows = RememberingEmbedder(HashEmbedder(dimension=16), embeddings).embed(["a"])
    assert rows.shape == (1, 16)


def test_long_texts_are_not_remembered() -> None:
    computing = Computing()
    remembering = RememberingEmbedder(computing, QueryEmbeddings())
    text = "x" * (MAX_CHARS + 1)
    remembering.embed([text])
    remembering.embed([text])
    assert computing.texts == [text, text]
