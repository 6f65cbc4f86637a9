from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.blend_options import BlendOptions, FusionMethod
from domain.blending import blend
from domain.errors import InvalidQueryError
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import Candidate, Hit

RANKS = BlendOptions(FusionMethod.RECIPROCAL_RANK)


def candidate(record: str, score: float = 1.0, *, chunk: int = 0, source: str = "s") -> Candidate:
    return Candidate(
        chunk_id=ChunkId(uuid5(NAMESPACE_OID, f"{record}/{chunk}")),
        record_id=RecordId(uuid5(NAMESPACE_OID, record)),
        file_id=FileId(uuid5(NAMESPACE_OID, "file")),
        score=score,
        text=f"{record}/{chunk}",
        source_type=source,
        content_type="message",
        title=None,
        author=None,
        timestamp=None,
        url=None,
        thread=None,
        metadata={},
        start=0,
        end=0,
    )


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.candidate.text for hit in hits]


@st.composite
def some_ranking(draw: st.DrawFn) -> list[Candidate]:
    records = draw(st.lists(st.sampled_from("abcdefgh"), max_size=8))
    scores = draw(
        st.lists(st.floats(-1, 50), min_size=len(records), max_size=len(records)).map(
            lambda values: sorted(values, reverse=True)
        )
    )
    return [
        candidate(record, score, chunk=n, source=record)
        for n, (record, score) in enumerate(zip(records, scores, strict=True))
    ]


rankings = st.dictionaries(st.sampled_from(["keyword", "vector", "title"]), some_ranking())
weights = st.floats(0, 10)
some_options = st.builds(
    BlendOptions,
    method=st.sampled_from(FusionMethod),
    leg_weights=st.dictionaries(st.sampled_from(["keyword", "vector"]), weights),
    source_weights=st.dictionaries(st.sampled_from("abc"), weights),
    rank_constant=st.integers(1, 100),
)


@given(rankings, some_options)
def test_a_score_is_the_sum_of_its_addends(
    given_rankings: Mapping[str, Sequence[Candidate]], options: BlendOptions
) -> None:
    for hit in blend(given_rankings, options):
        assert hit.score == sum(part.addend for part in hit.contributions)


@given(rankings, some_options)
def test_every_record_found_appears_once_and_nothing_else(
    given_rankings: Mapping[str, Sequence[Candidate]], options: BlendOptions
) -> None:
    found = {each.record_id for ranking in given_rankings.values() for each in ranking}
    hits = blend(given_rankings, options)
    assert len(hits) == len(found)
    assert {hit.candidate.record_id for hit in hits} == found


@given(rankings, some_options)
def test_the_order_is_by_score_and_free_of_chance(
    given_rankings: Mapping[str, Sequence[Candidate]], options: BlendOptions
) -> None:
    hits = blend(given_rankings, options)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    turned = dict(reversed(given_rankings.items()))
    assert blend(turned, options) == hits


@given(some_ranking(), st.sampled_from(FusionMethod))
def test_one_leg_alone_keeps_its_order(ranking: list[Candidate], method: FusionMethod) -> None:
    hits = blend({"vector": ranking}, BlendOptions(method))
    records = dict.fromkeys(each.record_id for each in ranking)
    positive = [r for r in records if max(c.score for c in ranking if c.record_id == r) > 0]
    distinct = len({each.score for each in ranking}) == len(ranking)
    if distinct or method is FusionMethod.RECIPROCAL_RANK:
        shown = [hit.candidate.record_id for hit in hits]
        assert shown[: len(positive)] == positive


@given(rankings, st.sampled_from(FusionMethod), st.floats(0.1, 10))
def test_scaling_all_leg_weights_alike_changes_nothing(
    given_rankings: Mapping[str, Sequence[Candidate]], method: FusionMethod, factor: float
) -> None:
    scaled = BlendOptions(method, leg_weights=dict.fromkeys(given_rankings, factor))
    plain = {
        hit.candidate.record_id: hit.score for hit in blend(given_rankings, BlendOptions(method))
    }
    for hit in blend(given_rankings, scaled):
        assert hit.score == pytest.approx(plain[hit.candidate.record_id])


@pytest.mark.parametrize("method", FusionMethod)
def test_first_in_every_leg_scores_one(method: FusionMethod) -> None:
    legs = {"keyword": [candidate("a", 31.0)], "vector": [candidate("a", 0.6)]}
    assert blend(legs, BlendOptions(method))[0].score == pytest.approx(1.0)


def test_reciprocal_rank_adds_one_over_k_plus_rank_up_to_a_factor() -> None:
    legs = {
        "keyword": [candidate("a"), candidate("b")],
        "vector": [candidate("b"), candidate("c")],
    }
    scores = {hit.candidate.text: hit.score for hit in blend(legs, RANKS)}
    factor = 61 / 2
    assert scores == pytest.approx(
        {"a/0": factor / 61, "b/0": factor * (1 / 62 + 1 / 61), "c/0": factor / 62}
    )


def test_relative_score_adds_shares_of_the_best_score() -> None:
    legs = {
        "keyword": [candidate("a", 20.0), candidate("b", 5.0)],
        "vector": [candidate("b", 0.8), candidate("c", 0.4), candidate("d", -0.1)],
    }
    scores = {hit.candidate.text: hit.score for hit in blend(legs)}
    assert scores == pytest.approx({"a/0": 0.5, "b/0": 0.625, "c/0": 0.25, "d/0": 0.0})


def test_a_leg_of_no_weight_has_no_say() -> None:
    legs = {"keyword": [candidate("a")], "vector": [candidate("b")]}
    assert names(blend(legs, BlendOptions(leg_weights={"keyword": 0})))[0] == "b/0"


def test_a_favoured_source_comes_first() -> None:
    legs = {"vector": [candidate("a", 0.9, source="slack"), candidate("b", 0.8, source="gong")]}
    assert names(blend(legs, BlendOptions(source_weights={"gong": 1.5}))) == ["b/0", "a/0"]


def test_a_record_is_shown_by_the_chunk_that_added_most() -> None:
    legs = {
        "keyword": [candidate("b", 9.0), candidate("a", 8.0, chunk=1)],
        "vector": [candidate("a", 0.9, chunk=2), candidate("a", 0.8, chunk=1)],
    }
    [first, _] = blend(legs)
    assert (first.candidate.text, len(first.contributions)) == ("a/2", 2)


def test_later_chunks_of_a_record_do_not_push_others_down() -> None:
    legs = {"vector": [candidate("a", 3, chunk=n) for n in range(5)] + [candidate("b", 1)]}
    [_, second] = blend(legs, RANKS)
    assert second.contributions[0].rank == 2


def test_equal_scores_are_ordered_by_best_rank_then_id() -> None:
    legs = {"keyword": [candidate("x", 0.0), candidate("y", 0.0)]}
    assert names(blend(legs)) == ["x/0", "y/0"]


def test_nothing_found_blends_to_nothing() -> None:
    assert blend({}) == []
    assert blend({"keyword": [], "vector": []}) == []


@pytest.mark.parametrize(
    "options",
    [
        {"leg_weights": {"vector": -1.0}},
        {"source_weights": {"slack": float("nan")}},
        {"source_weights": {"slack": float("inf")}},
        {"rank_constant": 0},
    ],
)
def test_senseless_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidQueryError):
        BlendOptions(**options)
