from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.relevance import ndcg, recall, reciprocal_rank, success

GAINS = {"a": 1.0, "b": 1.0}


def test_ndcg_discounts_by_rank() -> None:
    expected = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert ndcg(["x", "a"], GAINS, at=10) == pytest.approx(expected)


def test_ndcg_counts_higher_gains_more() -> None:
    graded = {"a": 1.0, "b": 3.0}
    assert ndcg(["b", "a"], graded, at=10) == 1.0
    assert ndcg(["a", "b"], graded, at=10) < 1.0


def test_ndcg_looks_no_deeper_than_asked() -> None:
    assert ndcg(["x", "a"], GAINS, at=1) == 0.0


def test_recall_is_the_share_of_relevant_documents_found() -> None:
    assert recall(["a", "x", "b"], GAINS, at=2) == 0.5


def test_reciprocal_rank_is_that_of_the_first_relevant_document() -> None:
    assert reciprocal_rank(["x", "b", "a"], GAINS, at=10) == 0.5
    assert reciprocal_rank(["x", "b", "a"], GAINS, at=1) == 0.0


def test_success_asks_for_any_relevant_document() -> None:
    assert success(["x", "a"], GAINS, at=5) == 1.0
    assert success(["x", "a"], GAINS, at=1) == 0.0


@given(
    st.permutations("abcdef"),
    st.dictionaries(st.sampled_from("abcxyz"), st.floats(0.1, 5)),
    st.integers(1, 10),
)
def test_every_measure_lies_between_0_and_1(
    ranking: list[str], gains: dict[str, float], at: int
) -> None:
    for measure in (ndcg, recall, reciprocal_rank, success):
        assert 0.0 <= measure(ranking, gains, at=at) <= 1.0 + 1e-9
