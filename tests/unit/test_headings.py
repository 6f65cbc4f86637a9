"""What the best others under a heading say of a thing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.headings import HEARD, NEAR_DAYS, heading_means
from domain.models.chunks import heading_of

scored = st.lists(
    st.tuples(
        st.sampled_from([None, "#ops", "#sales"]),
        st.floats(0, 10),
        st.none() | st.floats(-10_000, 30_000),
    ),
    max_size=20,
)


def columns(
    found: Sequence[tuple[str | None, float, float | None]],
) -> tuple[list[str | None], list[float], list[float | None]]:
    return [one for one, _, _ in found], [one for _, one, _ in found], [one for _, _, one in found]


def undated(headings: list[str | None], scores: list[float]) -> list[float]:
    return heading_means(headings, scores, [None] * len(scores))


def of_one_time(headings: list[str | None], scores: list[float]) -> list[float]:
    return heading_means(headings, scores, [20_000.0] * len(scores))


def test_others_count_and_oneself_does_not() -> None:
    assert of_one_time(["x", "x", "y"], [8.0, 6.0, 4.0]) == [3.0, 4.0, 0.0]


def test_the_best_other_counts_half_and_each_further_one_half_of_that() -> None:
    means = of_one_time(["x"] * 4, [16.0, 8.0, 4.0, 2.0])
    assert means == [4.0 + 1.0 + 0.25, 8.0 + 1.0 + 0.25, 8.0 + 2.0 + 0.25, 8.0 + 2.0 + 0.5]


def test_no_more_than_six_others_are_heard() -> None:
    means = of_one_time(["x"] * 20, [1.0] * 20)
    assert means == pytest.approx([1 - 0.5**HEARD] * 20)


def test_what_is_a_week_away_counts_half() -> None:
    near, far = heading_means(["x", "x"], [8.0, 8.0], [0.0, NEAR_DAYS])
    assert (near, far) == (2.0, 2.0)


def test_the_nearer_one_is_heard_first() -> None:
    means = heading_means(["x", "x", "x"], [9.0, 8.0, 1.0], [0.0, 3 * NEAR_DAYS, 3 * NEAR_DAYS])
    assert means[2] == pytest.approx(8.0 / 2 + 9.0 / 4 / 4)


def test_what_has_no_time_counts_a_third() -> None:
    assert heading_means(["x", "x"], [6.0, 6.0], [None, 1.0]) == pytest.approx([1.0, 1.0])
    assert undated(["x", "x"], [6.0, 6.0]) == pytest.approx([1.0, 1.0])


def test_what_has_no_heading_stands_alone() -> None:
    assert of_one_time([None, None], [2.0, 1.0]) == [0.0, 0.0]


@given(scored)
def test_under_a_heading_at_one_time_the_worse_one_hears_no_less(
    found: list[tuple[str | None, float, float | None]],
) -> None:
    found = sorted(found, key=lambda each: -each[1])
    headings = [each[0] for each in found]
    means = of_one_time(headings, [each[1] for each in found])
    for heading in ("#ops", "#sales"):
        heard = [mean for one, mean in zip(headings, means, strict=True) if one == heading]
        assert heard == pytest.approx(sorted(heard))


@given(scored)
def test_a_mean_is_never_above_the_best_score(
    found: list[tuple[str | None, float, float | None]],
) -> None:
    means = heading_means(*columns(found))
    assert all(0 <= mean <= max(score for _, score, _ in found) for mean in means)


@given(scored, st.randoms())
def test_means_do_not_depend_on_the_order(
    found: list[tuple[str | None, float, float | None]], random: Random
) -> None:
    places = list(range(len(found)))
    random.shuffle(places)
    means = heading_means(*columns(found))
    shuffled = heading_means(*columns([found[place] for place in places]))
    assert shuffled == pytest.approx([means[place] for place in places])


@pytest.mark.parametrize(
    ("title", "heading"),
    [
        ("#sales \N{MIDDLE DOT} Ada, Bob \N{MIDDLE DOT} 2026-03-01", "#sales"),
        ("A call", "A call"),
        ("", None),
        (None, None),
    ],
)
def test_a_heading_is_a_title_without_people_and_days(
    title: str | None, heading: str | None
) -> None:
    assert heading_of(title) == heading
