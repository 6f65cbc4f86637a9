"""What moves a hit beside its legs: neighbours, headings, calibration, recency, and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend_options import BlendOptions, Collapse, FusionMethod
from domain.blending import blend, with_all_compared
from domain.errors import InvalidQueryError
from domain.models.ids import RecordId
from domain.models.search import Candidate, Hit, Match
from domain.neighbours import LEAST_HEARD

NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUIET = BlendOptions(neighbours=0.0)


def not_read() -> Candidate:
    raise AssertionError("blending reads nothing")


def record_id(name: str) -> RecordId:
    return RecordId(uuid5(NAMESPACE_OID, name))


def match(
    name: str,
    score: float = 1.0,
    *,
    source: str = "slack",
    days_ago: float | None = None,
    vector: Sequence[float] | None = None,
    heading: str | None = None,
) -> Match:
    moment = None if days_ago is None else NOW - timedelta(days=days_ago)
    row = None if vector is None else np.array(vector, np.float32) / np.linalg.norm(vector)
    return Match(record_id(name), source, score, not_read, moment, row, heading=heading)


def scores(hits: Sequence[Hit[Match]], *names: str) -> list[float]:
    by_id = {hit.candidate.record_id: hit.score for hit in hits}
    return [by_id[record_id(name)] for name in names]


def order(hits: Sequence[Hit[Match]], *names: str) -> str:
    by_id = {record_id(name): name for name in names}
    return "".join(by_id[hit.candidate.record_id] for hit in hits)


def addends(hit: Hit[Match], leg: str) -> list[float]:
    return [part.addend for part in hit.contributions if part.leg == leg]


def one_match() -> st.SearchStrategy[Match]:
    return st.builds(
        match,
        st.sampled_from("abcdefgh"),
        st.floats(-1, 30),
        source=st.sampled_from(["slack", "gong", "csv"]),
        days_ago=st.none() | st.floats(-10, 1_000),
        vector=st.none() | st.tuples(st.floats(0.1, 1), st.floats(-1, 1), st.floats(-1, 1)),
        heading=st.sampled_from([None, "#sales", "#ops"]),
    )


rankings = st.dictionaries(
    st.sampled_from(["keyword", "vector", "identifier"]),
    st.lists(one_match(), max_size=8).map(
        lambda found: sorted(found, key=lambda each: -each.score)
    ),
)
some_options = st.builds(
    BlendOptions,
    method=st.sampled_from(FusionMethod),
    source_weights=st.dictionaries(st.sampled_from(["slack", "gong"]), st.floats(0, 10)),
    neighbours=st.floats(0, 1),
    headings=st.floats(0, 1),
    calibration=st.floats(0, 1),
    recency=st.floats(0, 3),
    half_life_days=st.floats(0.1, 1_000),
    diversity=st.floats(0, 1),
)


@given(rankings, some_options)
def test_whatever_moves_a_hit_its_addends_sum_to_its_score(
    found: Mapping[str, Sequence[Match]], options: BlendOptions
) -> None:
    for hit in blend(found, options, now=NOW):
        assert hit.score == sum(part.addend for part in hit.contributions)


@given(rankings, some_options)
def test_whatever_moves_hits_all_stay_and_are_in_order(
    found: Mapping[str, Sequence[Match]], options: BlendOptions
) -> None:
    hits = blend(found, options, now=NOW)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    ids = [hit.candidate.record_id for hit in hits]
    assert len(ids) == len(set(ids))
    assert set(ids) == {each.record_id for ranking in found.values() for each in ranking}


@given(rankings, some_options)
def test_a_limit_cuts_the_end_off(
    found: Mapping[str, Sequence[Match]], options: BlendOptions
) -> None:
    assert blend(found, options, limit=3, now=NOW) == blend(found, options, now=NOW)[:3]


@given(rankings, some_options)
def test_what_the_identifier_leg_finds_stands_before_all_else(
    found: Mapping[str, Sequence[Match]], options: BlendOptions
) -> None:
    identified = {each.record_id for each in found.get("identifier", ())}
    hits = blend(found, options, now=NOW)
    first = {hit.candidate.record_id for hit in hits[: len(identified)]}
    assert first == identified


def test_the_identifier_leg_takes_no_share_of_the_others() -> None:
    legs = {"keyword": [match("a", 9)], "identifier": [match("b")]}
    assert scores(blend(legs, QUIET), "a") == [1.0]


def test_an_identifier_leg_without_weight_is_left_out() -> None:
    legs = {"keyword": [match("a", 9)], "identifier": [match("b")]}
    hits = blend(legs, BlendOptions(leg_weights={"identifier": 0.0}))
    assert order(hits, "a", "b") == "a"


def test_a_hit_gains_from_neighbours_that_score_high() -> None:
    legs = {
        "keyword": [match("a", 10, vector=[1, 0, 0])],
        "vector": [
            match("a", 1.0, vector=[1, 0, 0]),
            match("b", 0.5, vector=[0, 1, 0]),
            match("c", 0.49, vector=[1, 0.1, 0]),
        ],
    }
    assert order(blend(legs, QUIET), "a", "b", "c") == "abc"
    assert order(blend(legs), "a", "b", "c") == "acb"


def test_neighbours_take_the_share_that_they_give() -> None:
    legs = {
        "keyword": [match("a", 10, vector=[1, 0])],
        "vector": [match("a", 1.0, vector=[1, 0]), match("b", 0.5, vector=[1, 0])],
    }
    [first, _] = blend(legs, BlendOptions(neighbours=0.2))
    assert addends(first, "neighbours") == pytest.approx([0.2 * 0.25])
    assert first.score == pytest.approx(0.8 * 1.0 + 0.2 * 0.25)


def test_what_scores_far_below_the_best_hears_nobody_and_stays_below() -> None:
    near, far = range(30), range(30, 40)
    scores = {n: 1.0 - n / 1_000 for n in near} | {n: 0.4 - n / 1_000 for n in far}
    legs = {
        "keyword": [match("a", 10, vector=[1, 0])],
        "vector": [match(str(n), score, vector=[1, 0.1]) for n, score in scores.items()],
    }
    hits = blend(legs, BlendOptions(leg_weights={"keyword": 0.0}))
    assert [bool(addends(hit, "neighbours")) for hit in hits] == [True] * 30 + [False] * 11
    assert hits[29].score > hits[30].score


def test_of_few_good_hits_some_more_are_heard() -> None:
    legs = {
        "keyword": [match("0", 10, vector=[1, 0.1])],
        "vector": [match(str(n), 1.0 - n / 1_000, vector=[1, 0.1]) for n in range(40)],
    }
    heard = [bool(addends(hit, "neighbours")) for hit in blend(legs)]
    assert heard == [True] * LEAST_HEARD + [False] * (40 - LEAST_HEARD)


def under_headings(
    *headings: str | None, source: str = "slack", days_ago: float | None = None
) -> dict[str, list[Match]]:
    """Two legs that agree: *a* scores 1, *b* 0.9, and so on, each under its heading."""
    pairs = enumerate(zip("abcdefgh", headings, strict=False))
    found = [
        match(name, 10 - n, source=source, days_ago=days_ago, heading=under)
        for n, (name, under) in pairs
    ]
    return {"keyword": found, "vector": found}


def test_what_stands_beside_good_hits_passes_what_stands_alone() -> None:
    legs = under_headings("#ops", "#sales", "#random", "#sales", days_ago=0)
    hits = blend(legs, BlendOptions(headings=0.6))
    assert order(hits, *"abcd") == "bdac"


def test_headings_give_half_of_the_best_other_and_a_quarter_of_the_next() -> None:
    legs = under_headings("#ops", "#ops", "#ops", days_ago=0)
    [first, *_] = blend(legs, BlendOptions(headings=0.1))
    assert addends(first, "headings") == pytest.approx([0.1 * (0.9 / 2 + 0.8 / 4)])
    assert [part.weight for part in first.contributions] == pytest.approx([0.45, 0.45, 0.1])


def test_what_was_said_at_the_time_of_good_hits_passes_what_was_said_long_before() -> None:
    ages = {"a": 0, "b": 300, "c": 0}
    said = [match(name, 10 - n, days_ago=ages[name], heading="#ops") for n, name in enumerate(ages)]
    hits = blend({"keyword": said, "vector": said}, BlendOptions(headings=0.5))
    assert order(hits, *"abc") == "acb"


def test_of_what_headings_leave_neighbours_have_their_share() -> None:
    near = [match(name, 10, vector=(1, 0, 0), heading="#ops") for name in "ab"]
    [first, _] = blend({"keyword": near, "vector": near}, BlendOptions(headings=0.5))
    weights = {part.leg: part.weight for part in first.contributions}
    assert weights == pytest.approx(
        {"keyword": 0.175, "vector": 0.175, "neighbours": 0.15, "headings": 0.5}
    )


@pytest.mark.parametrize(
    "legs",
    [
        pytest.param(under_headings(None, None), id="none has a heading"),
        pytest.param(under_headings("#ops", "#sales"), id="no heading is shared"),
        pytest.param({"keyword": under_headings("#ops", "#ops")["keyword"]}, id="one leg alone"),
    ],
)
def test_headings_count_nothing_where(legs: dict[str, list[Match]]) -> None:
    assert blend(legs, BlendOptions(headings=0.5)) == blend(legs, BlendOptions(headings=0.0))


def test_the_same_heading_in_another_source_is_another_one() -> None:
    one, other = match("a", 10, heading="x"), match("b", 9, source="gong", heading="x")
    legs = {"keyword": [one, other], "vector": [one, other]}
    assert not any(addends(hit, "headings") for hit in blend(legs))


def test_one_leg_alone_hears_no_neighbours() -> None:
    legs = {"vector": [match("a", 1.0, vector=[1, 0]), match("b", 0.5, vector=[1, 0])]}
    assert scores(blend(legs), "a", "b") == [1.0, 0.5]


def test_a_hit_of_now_gains_the_whole_share_and_half_of_it_a_half_life_later() -> None:
    legs = {"vector": [match("a", days_ago=0), match("b", days_ago=7), match("c", days_ago=-5)]}
    hits = blend(legs, BlendOptions(recency=0.4, half_life_days=7), now=NOW)
    assert scores(hits, "a", "b", "c") == pytest.approx([1.4, 1.2, 1.4])


def test_each_source_may_have_a_half_life_of_its_own() -> None:
    legs = {
        "vector": [match("a", source="slack", days_ago=7), match("b", source="gong", days_ago=7)]
    }
    options = BlendOptions(recency=1.0, source_half_life_days={"slack": 7.0, "gong": 3.5})
    assert scores(blend(legs, options, now=NOW), "a", "b") == pytest.approx([1.5, 1.25])


def test_what_has_no_time_gains_nothing() -> None:
    hits = blend({"vector": [match("a")]}, BlendOptions(recency=1.0), now=NOW)
    assert scores(hits, "a") == [1.0]


def test_without_a_present_moment_time_has_no_say() -> None:
    legs = {"vector": [match("a", days_ago=0)]}
    assert blend(legs, BlendOptions(recency=1.0)) == blend(legs)


def test_diversity_lets_another_source_pass_what_is_a_little_better() -> None:
    legs = {
        "vector": [match("a", 1.0), match("b", 0.9), match("c", 0.85, source="gong")],
    }
    hits = blend(legs, BlendOptions(diversity=0.2))
    assert order(hits, "a", "b", "c") == "acb"
    assert addends(hits[2], "diversity") == pytest.approx([-0.2 * 0.9 / 2])


@given(rankings, st.floats(0, 1))
def test_diversity_costs_the_first_of_a_source_nothing(
    found: Mapping[str, Sequence[Match]], diversity: float
) -> None:
    legs = {leg: ranking for leg, ranking in found.items() if leg != "identifier"}

    def best(hits: Sequence[Hit[Match]]) -> dict[str, float]:
        return {hit.candidate.source_type: hit.score for hit in reversed(hits)}

    mixed = blend(legs, BlendOptions(neighbours=0.0, diversity=diversity))
    assert best(mixed) == pytest.approx(best(blend(legs, QUIET)))


def test_calibration_lets_the_best_of_each_source_compete_alike() -> None:
    legs = {
        "keyword": [
            match("a", 20, source="gong"),
            match("b", 18, source="gong"),
            match("c", 5, source="slack"),
            match("d", 4, source="slack"),
        ]
    }
    hits = blend(legs, BlendOptions(calibration=1.0))
    assert scores(hits, "a", "c", "d") == pytest.approx([1.0, 1.0, 0.95])


def test_what_only_other_legs_found_gets_its_own_likeness() -> None:
    embedding = np.array([1.0, 0.0], np.float32)
    nearest = [match("a", 0.9, vector=[0.9, 0.1]), match("b", 0.6, vector=[0.6, 0.8])]
    by_words = [match("a", 9, vector=[0.9, 0.1]), match("c", 7, vector=[0.8, 0.6])]
    compared = with_all_compared(nearest, by_words, embedding)
    assert [each.record_id for each in compared] == [record_id(name) for name in "acb"]
    assert [each.score for each in compared] == pytest.approx([0.9, 0.8, 0.6])


def test_candidates_without_vectors_are_not_compared() -> None:
    nearest = [match("a", 0.9, vector=[0.9, 0.1])]
    by_words = [match("b", 9)]
    assert with_all_compared(nearest, by_words, np.array([1.0, 0.0], np.float32)) == nearest


@pytest.mark.parametrize(
    "options",
    [
        {"neighbours": 1.1},
        {"headings": -0.1},
        {"calibration": -0.1},
        {"diversity": float("nan")},
        {"recency": -1.0},
        {"recency": float("inf")},
        {"half_life_days": 0.0},
        {"source_half_life_days": {"slack": -1.0}},
    ],
)
def test_senseless_moves_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidQueryError):
        BlendOptions(**options)


def test_the_default_folds_duplicates_and_leaves_time_and_sources_alone() -> None:
    default = BlendOptions()
    assert (default.recency, default.diversity, default.calibration) == (0.0, 0.0, 0.0)
    assert default.collapse is Collapse.DUPLICATES
