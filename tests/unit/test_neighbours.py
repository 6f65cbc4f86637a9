"""What the things most like a thing say of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.models.chunks import Vector
from domain.neighbours import (
    LEAST_HEARD,
    MOST_HEARD,
    NEAREST,
    circle_size,
    neighbour_means,
)


def unit(*numbers: float) -> Vector:
    vector = np.array(numbers, dtype=np.float16)
    return vector / np.linalg.norm(vector)


def means_of(vectors: Sequence[Vector | None], scores: Sequence[float]) -> list[float | None]:
    means = neighbour_means(vectors, np.array(scores)).tolist()
    return [None if np.isnan(mean) else mean for mean in means]


EAST, NORTH, NORTH_EAST = unit(1, 0), unit(0, 1), unit(1, 1)


def test_a_thing_hears_those_like_it_by_how_like_they_are() -> None:
    means = means_of([EAST, EAST, NORTH_EAST], [0.0, 1.0, 0.5])
    likeness = float(EAST @ NORTH_EAST)
    assert means[0] == pytest.approx((1.0 + likeness * 0.5) / (1.0 + likeness), rel=1e-3)


def test_what_points_elsewhere_says_nothing() -> None:
    assert means_of([EAST, EAST, NORTH], [0.2, 1.0, 0.9])[0] == pytest.approx(1.0)


def test_a_thing_without_vector_or_without_neighbours_has_no_mean() -> None:
    assert means_of([EAST, NORTH, None], [1.0, 1.0, 1.0]) == [None, None, None]


def test_a_thing_alone_has_no_mean() -> None:
    assert means_of([EAST], [1.0]) == [None]


def test_only_the_nearest_are_heard() -> None:
    near = [unit(1, 0.01)] * NEAREST
    far = [unit(1, 0.5)] * 20
    means = means_of([EAST, *near, *far], [0.0] + [1.0] * NEAREST + [0.1] * 20)
    assert means[0] == pytest.approx(1.0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_a_mean_lies_within_the_scores(scores: list[float]) -> None:
    generator = np.random.default_rng(len(scores))
    vectors = [unit(*generator.standard_normal(8)) for _ in scores]
    for mean in means_of(vectors, scores):
        assert mean is None or min(scores) - 1e-6 <= mean <= max(scores) + 1e-6


@pytest.mark.parametrize(
    ("scores", "size"),
    [
        pytest.param([1.0] * 30 + [0.5] * 10 + [0.49] * 30, 40, id="half of the best's"),
        pytest.param([1.0] + [0.4] * 90, LEAST_HEARD, id="scores that fall steeply"),
        pytest.param([1.0] * 150, MOST_HEARD, id="scores that stay level"),
        pytest.param([1.0, 0.1], 2, id="few"),
        pytest.param([0.0] * 30, 30, id="no score at all"),
        pytest.param([], 0, id="none"),
    ],
)
def test_those_hear_each_other_whose_scores_are_not_far_from_the_best(
    scores: list[float], size: int
) -> None:
    assert circle_size(np.array(scores)) == size
