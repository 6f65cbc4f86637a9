"""The mean of the best others under a heading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.headings import heading_means
from domain.models.chunks import heading_of

scored = st.lists(
    st.tuples(st.sampled_from([None, "#ops", "#sales"]), st.floats(0, 10)), max_size=20
).map(lambda pairs: sorted(pairs, key=lambda pair: -pair[1]))


def test_others_count_and_oneself_does_not() -> None:
    assert heading_means(["x", "x", "y"], [9.0, 6.0, 3.0]) == [2.0, 3.0, 0.0]


def test_the_three_best_others_are_heard() -> None:
    assert heading_means(["x"] * 5, [9.0, 6.0, 6.0, 3.0, 1.0]) == [5.0, 6.0, 6.0, 7.0, 7.0]


def test_what_has_no_heading_stands_alone() -> None:
    assert heading_means([None, None], [2.0, 1.0]) == [0.0, 0.0]


@given(scored)
def test_under_a_heading_the_worse_one_hears_no_less(pairs: list[tuple[str | None, float]]) -> None:
    headings, scores = [one for one, _ in pairs], [score for _, score in pairs]
    means = heading_means(headings, scores)
    for heading in ("#ops", "#sales"):
        heard = [mean for one, mean in zip(headings, means, strict=True) if one == heading]
        assert heard == pytest.approx(sorted(heard))


@given(scored)
def test_a_mean_is_never_above_the_best_score(pairs: list[tuple[str | None, float]]) -> None:
    means = heading_means([one for one, _ in pairs], [score for _, score in pairs])
    assert all(0 <= mean <= pairs[0][1] + 1e-9 for mean in means)


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
