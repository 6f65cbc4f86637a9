"""What the best others under a heading say of a thing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.headings import HEARD, NEAR_DAYS, heading_means
from domain.models.chunks import heading_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)

Found = tuple[str | None, float, datetime | None]

scored = st.lists(
    st.tuples(
        st.sampled_from([None, "#ops", "#sales"]),
        st.floats(0, 10),
        st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=20,
)


def means_of(found: Sequence[Found]) -> list[float]:
    headings, scores, moments = ([each[n] for each in found] for n in range(3))
    return heading_means(headings, np.array(scores), moments).tolist()


def of_one_time(headings: Sequence[str | None], scores: Sequence[float]) -> list[float]:
    return means_of([(one, score, NOW) for one, score in zip(headings, scores, strict=True)])


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_others_count_and_oneself_does_not() -> None:
    assert of_one_time(["x", "x", "y"], [8.0, 6.0, 4.0]) == [3.0, 4.0, 0.0]


def test_the_best_other_counts_half_and_each_further_one_half_of_that() -> None:
    means = of_one_time(["x"] * 4, [16.0, 8.0, 4.0, 2.0])
    assert means == [4.0 + 1.0 + 0.25, 8.0 + 1.0 + 0.25, 8.0 + 2.0 + 0.25, 8.0 + 2.0 + 0.5]


def test_no_more_than_six_others_are_heard() -> None:
    means = of_one_time(["x"] * 20, [1.0] * 20)
    assert means == pytest.approx([1 - 0.5**HEARD] * 20)


def test_what_is_a_week_away_counts_half() -> None:
    assert means_of([("x", 8.0, NOW), ("x", 8.0, days_ago(NEAR_DAYS))]) == [2.0, 2.0]


def test_the_nearer_one_is_heard_first() -> None:
    long_ago = days_ago(3 * NEAR_DAYS)
    *_, last = means_of([("x", 9.0, NOW), ("x", 8.0, long_ago), ("x", 1.0, long_ago)])
    assert last == pytest.approx(8.0 / 2 + 9.0 / 4 / 4)


def test_what_has_no_time_counts_a_third() -> None:
    dated, undated = ("x", 6.0, NOW), ("x", 6.0, None)
    assert means_of([dated, undated]) == pytest.approx([1.0, 1.0])
    assert means_of([undated, undated]) == pytest.approx([1.0, 1.0])


def test_what_has_no_heading_stands_alone() -> None:
    assert of_one_time([None, None], [2.0, 1.0]) == [0.0, 0.0]


@given(scored)
def test_under_a_heading_at_one_time_the_worse_one_hears_no_less(found: list[Found]) -> None:
    found = sorted(found, key=lambda each: -each[1])
    headings = [each[0] for each in found]
    means = of_one_time(headings, [each[1] for each in found])
    for heading in ("#ops", "#sales"):
        heard = [mean for one, mean in zip(headings, means, strict=True) if one == heading]
        assert heard == pytest.approx(sorted(heard))


@given(scored)
def test_a_mean_is_never_above_the_best_score(found: list[Found]) -> None:
    means = means_of(found)
    assert all(0 <= mean <= max(score for _, score, _ in found) for mean in means)


@given(scored, st.randoms())
def test_means_do_not_depend_on_the_order(found: list[Found], random: Random) -> None:
    places = list(range(len(found)))
    random.shuffle(places)
    means = means_of(found)
    shuffled = means_of([found[place] for place in places])
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
