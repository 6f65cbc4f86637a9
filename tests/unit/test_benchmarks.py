"""The benchmarks' own arithmetic and texts."""

from __future__ import annotations

from statistics import fmean

from benchmarks.queries import percentiles
from benchmarks.texts import MEAN_WORDS, TextMaker


def test_the_same_seed_makes_the_same_texts() -> None:
    assert list(TextMaker("a").texts(20)) == list(TextMaker("a").texts(20))


def test_texts_have_the_length_that_they_should_have() -> None:
    lengths = [len(text.split()) for text in TextMaker("a").texts(1_000)]
    assert abs(fmean(lengths) - MEAN_WORDS) < 1


def test_queries_of_two_seeds_do_not_meet() -> None:
    first, second = TextMaker("one"), TextMaker("two")
    assert not {first.query() for _ in range(200)} & {second.query() for _ in range(200)}


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentiles([float(value) for value in range(1, 101)]) == {
        "p50_ms": 50.0,
        "p95_ms": 95.0,
        "p99_ms": 99.0,
    }
