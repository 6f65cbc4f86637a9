"""What one leg found alone, and both as one ranking."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.comparing import continued_by, unheard
from domain.models.ids import RecordId
from domain.models.search import Candidate, Match, best_first


def _unread() -> Candidate:
    raise AssertionError("nothing has to be read for this")


def _ranking(scores: dict[int, float]) -> list[Match]:
    matches = [Match(RecordId(UUID(int=n)), "slack", score, _unread) for n, score in scores.items()]
    return best_first(matches)


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
def test_a_ranking_stays_as_it_is_and_what_continues_it_is_all_there_in_order(
    ranking: list[Match], found: list[Match]
) -> None:
    both = continued_by(ranking, found)
    known = {id(match) for match in ranking}
    assert [match for match in both if id(match) in known] == ranking
    assert both == best_first(both)
    assert sorted(match.record_id for match in both if id(match) not in known) == sorted(
        match.record_id for match in found
    )


@given(RANKINGS.filter(bool), RANKINGS)
def test_what_continues_a_ranking_keeps_its_scores_up_to_the_last_one(
    ranking: list[Match], found: list[Match]
) -> None:
    behind = continued_by(ranking, found)[len(ranking) :]
    expected = sorted((min(match.score, ranking[-1].score) for match in found), reverse=True)
    assert [match.score for match in behind] == expected
