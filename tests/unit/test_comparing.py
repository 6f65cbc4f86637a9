"""What one leg found alone, and both as one ranking."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.comparing import joined, unheard
from domain.models.ids import RecordId
from domain.models.search import Candidate, Match


def _unread() -> Candidate:
    raise AssertionError("nothing has to be read for this")


def _ranking(scores: dict[int, float]) -> list[Match]:
    matches = [Match(RecordId(UUID(int=n)), "slack", score, _unread) for n, score in scores.items()]
    return sorted(matches, key=lambda match: match.score, reverse=True)


RANKINGS = st.dictionaries(st.integers(1, 30), st.floats(0, 100), max_size=20).map(_ranking)


@given(RANKINGS, RANKINGS)
def test_what_is_unheard_and_the_ranking_are_all_records_each_on_one_side(
    ranking: list[Match], others: list[Match]
) -> None:
    missing = {match.record_id for match in unheard(ranking, others)}
    known = {match.record_id for match in ranking}
    assert missing.isdisjoint(known)
    assert missing | known == known | {match.record_id for match in others}


@given(RANKINGS)
def test_of_several_chunks_of_a_record_the_best_one_is_unheard(others: list[Match]) -> None:
    worse = [match._replace(score=match.score - 1) for match in others]
    assert unheard([], [*others, *worse]) == others


@given(RANKINGS, RANKINGS)
def test_joined_rankings_are_ordered_and_complete(one: list[Match], other: list[Match]) -> None:
    both = joined(one, other)
    scores = [match.score for match in both]
    assert scores == sorted(scores, reverse=True)
    assert sorted(map(id, both)) == sorted(map(id, [*one, *other]))


@given(RANKINGS)
def test_a_ranking_keeps_its_order_whatever_joins_it(ranking: list[Match]) -> None:
    more = [match._replace(source_type="gong") for match in ranking]
    both = joined(ranking, more)
    assert [match for match in both if match.source_type == "slack"] == ranking
