"""Chunks of any number for the growth benchmark: made-up texts, vectors drawn like a model's.

A vector is a sum: what all texts share, their subject, their topic, and what is their own. Each
part lies mostly in few directions, as those of a model do. The shares were fitted to
all-MiniLM-L6-v2 over 2,100 abstracts and questions of three public collections (CACM, SciFact,
a course FAQ); ``neighbourhoods`` has both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_kinds import DIMENSION, chunk_of
from benchmarks.texts import TextMaker
from domain.models.chunks import EmbeddedChunk

Matrix = NDArray[np.float32]

BLOCK = 512
"""As many as an import stages, embeds and stores together."""

SHARED, SUBJECT, TOPIC, OWN = 0.05, 0.15, 0.35, 0.45
"""Shares of a vector's squared length."""

FLATTENING = 3.0
"""Variance along the n-th direction falls as 1 / (n + this)."""

SUBJECTS = 10
TOPICS_PER_ROOT = 6.5
"""Topics are so many times the square root of the texts: 300 among 2,100, 6,500 among a million."""

TOPIC_RANK = 10.0
"""The n-th topic has texts in proportion to 1 / (n + this)."""

FITTED_TEXTS = 2_100
FITTED_TO = {"mean": 0.063, "first": 0.635, "tenth": 0.443, "hundredth": 0.267}
"""Of the model's vectors: mean cosine of all pairs, and median cosines of the neighbours."""


class VectorMaker:
    """Unit vectors of texts in a corpus of ``texts``; equal seeds draw equal vectors."""

    def __init__(self, texts: int, dimension: int = DIMENSION) -> None:
        random = np.random.default_rng(0)
        self._scale = _scale(dimension)
        topics = max(1, round(TOPICS_PER_ROOT * sqrt(texts)))
        subjects = self._drawn(random, SUBJECTS, SUBJECT)
        shared = self._drawn(random, 1, SHARED)
        of_topic = random.integers(0, SUBJECTS, topics)
        self._centres = shared + subjects[of_topic] + self._drawn(random, topics, TOPIC)
        weights = 1 / (np.arange(topics) + TOPIC_RANK)
        self._weights = weights / weights.sum()

    def block(self, count: int, *seed: int) -> Matrix:
        """float32 of shape ``(count, dimension)``, L2-normalised."""
        random = np.random.default_rng(seed)
        topics = random.choice(len(self._centres), count, p=self._weights)
        vectors: Matrix = self._centres[topics] + self._drawn(random, count, OWN)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _drawn(self, random: np.random.Generator, count: int, share: float) -> Matrix:
        normal = random.standard_normal((count, len(self._scale)), np.float32)
        return np.float32(sqrt(share)) * self._scale * normal


def _scale(dimension: int) -> NDArray[np.float32]:
    """Deviations along each direction, whose squares sum to 1."""
    variances = 1 / (np.arange(dimension) + FLATTENING)
    deviations: NDArray[np.float32] = np.sqrt(variances / variances.sum()).astype(np.float32)
    return deviations


@dataclass(frozen=True, slots=True)
class Corpus:
    """``texts`` chunks, a block at a time; each block can be made by itself, and again."""

    texts: int

    def blocks(self) -> Iterator[Sequence[EmbeddedChunk]]:
        maker = TextMaker("growth")
        for first, vectors in self.vectors():
            yield [chunk_of(first + n, maker.text(), one) for n, one in enumerate(vectors)]

    def vectors(self) -> Iterator[tuple[int, Matrix]]:
        """The place of each block's first chunk, and the block's vectors."""
        maker = VectorMaker(self.texts)
        for first in range(0, self.texts, BLOCK):
            yield first, maker.block(min(BLOCK, self.texts - first), 1, first)

    def questions(self, count: int) -> tuple[list[str], Matrix]:
        """Questions that nobody has asked yet, and vectors of texts that are not in the corpus."""
        maker = TextMaker("questions about growth")
        return [maker.query() for _ in range(count)], VectorMaker(self.texts).block(count, 2)

    def nearest(self, questions: Matrix, count: int) -> NDArray[np.int64]:
        """Places of the nearest chunks by comparing all: shape ``(questions, count)``."""
        asked = len(questions)
        cosines = np.full((asked, count), -np.inf, np.float32)
        places = np.full((asked, count), -1, np.int64)
        for first, vectors in self.vectors():
            all_places = np.concatenate(
                [places, np.tile(np.arange(first, first + len(vectors)), (asked, 1))], axis=1
            )
            all_cosines = np.concatenate([cosines, questions @ vectors.T], axis=1)
            best = np.argsort(-all_cosines, axis=1, kind="stable")[:, :count]
            cosines = np.take_along_axis(all_cosines, best, axis=1)
            places = np.take_along_axis(all_places, best, axis=1)
        return places


def neighbourhoods(vectors: Matrix) -> dict[str, float]:
    """As ``FITTED_TO``, of other vectors; there have to be more than 100."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    ranked = -np.sort(-cosines, axis=1)[:, :-1]
    first, tenth, hundredth = (float(np.median(ranked[:, at])) for at in (0, 9, 99))
    return {
        "mean": float(ranked.mean()),
        "first": first,
        "tenth": tenth,
        "hundredth": hundredth,
    }
