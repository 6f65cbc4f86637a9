"""The growth benchmark: its vectors, its exact answers, and a small run of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth_corpus import (
    FITTED_TEXTS,
    FITTED_TO,
    Corpus,
    VectorMaker,
    neighbourhoods,
)
from benchmarks.growth_index import FILTERS, Asked, Filled, ask, fill, recall
from benchmarks.growth_page import page, write_plots
from benchmarks.growth_records import Stored
from benchmarks.growth_results import GrowthResults, IndexGrowth, StoreGrowth, read, write


def test_a_block_of_vectors_can_be_made_again() -> None:
    first, second = VectorMaker(5_000), VectorMaker(5_000)
    first.block(7, 1, 0)
    assert np.array_equal(first.block(50, 1, 512), second.block(50, 1, 512))


def test_vectors_have_length_one_and_neighbourhoods_as_a_models_have() -> None:
    vectors = VectorMaker(FITTED_TEXTS).block(FITTED_TEXTS, 1, 0)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert neighbourhoods(vectors) == pytest.approx(FITTED_TO, abs=0.08)


def test_the_nearest_over_all_blocks_are_those_of_one_comparison() -> None:
    corpus = Corpus(1_300)
    _, questions = corpus.questions(5)
    vectors = np.concatenate([block for _, block in corpus.vectors()])
    expected = np.argsort(-(questions @ vectors.T), axis=1)[:, :10]
    assert np.array_equal(corpus.nearest(questions, 10), expected)


def test_recall_is_the_share_of_the_true_nearest() -> None:
    assert recall(np.array([[1, 2], [3, 4]]), [[1, 9, 2], [4]]) == 0.75


def test_a_small_index_is_filled_and_asked_completely(tmp_path: Path) -> None:
    corpus = Corpus(1_100)
    filled = fill(corpus, tmp_path)
    assert filled.graphs == 1
    assert filled.vectors_bytes > 1_100 * 384 * 2
    asked = ask(corpus, tmp_path, questions=3)
    ways = {"keyword", "vector", "hybrid", *(f"hybrid, {title}" for title in FILTERS)}
    assert set(asked.latency_ms) == ways
    assert asked.recall > 0.95


@pytest.mark.parametrize(("slow_ms", "verdict"), [(9.0, "so it is reached"), (11.0, "not reached")])
def test_the_page_says_whether_queries_stay_fast_enough(slow_ms: float, verdict: str) -> None:
    assert verdict in page(some_results(slow_ms))


def test_the_page_claims_nothing_of_sizes_that_were_not_measured() -> None:
    results = some_results(9.0)
    small, large = results.indexes
    part = replace(results, indexes=[small, replace(large, chunks=100_000)])
    assert "the rest was not measured" in page(part)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = some_results(9.0)
    write(results, tmp_path / "growth.json")
    assert read(tmp_path / "growth.json") == results


def test_the_same_results_make_the_same_plots(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write_plots(tmp_path / folder, some_results(9.0))
    for theme in ("light", "dark"):
        one, two = (tmp_path / folder / f"growth-{theme}.svg" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def some_results(slow_ms: float) -> GrowthResults:
    """Hybrid answers take 5 ms of 10,000 chunks, and ``slow_ms`` of a million."""
    filled = Filled(100.0, 10.0, 20.0, _times(30.0), _times(40.0), 300.0, 2_000, 1_000, 1)
    asked = Asked(200, 1.0, {"keyword": _times(1.0), "hybrid": _times(5.0)}, 100.0, 90.0, 0.99)
    slow = replace(asked, latency_ms={"keyword": _times(2.0), "hybrid": _times(slow_ms)})
    stored = Stored(10.0, 5.0, {"parsed_content": 1_000, "outbox": 10}, 280, _times(0.5))
    facts = dict.fromkeys(
        ("cores", "architecture", "system", "python", "tantivy", "faiss-cpu"), "some"
    )
    indexes = [IndexGrowth(10_000, filled, asked), IndexGrowth(1_000_000, filled, slow)]
    return GrowthResults(facts, indexes, [StoreGrowth(10_000, stored)])


def _times(milliseconds: float) -> dict[str, float]:
    return {"p50_ms": milliseconds, "p95_ms": 2 * milliseconds, "p99_ms": 3 * milliseconds}
