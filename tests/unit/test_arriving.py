"""How arriving records take their place in rankings and hits."""

from __future__ import annotations

from uuid import UUID

from domain.arriving import among_keywords, showing_new, to_add, told_apart
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import Candidate, Contribution, Hit, Match


def a_candidate(record: int, text: str = "") -> Candidate:
    return Candidate(
        ChunkId(UUID(int=record)), RecordId(UUID(int=record)), FileId(UUID(int=0)), 1.0, text,
        "csv", "record", None, None, None, None, None, {}, 0, 0,
    )  # fmt: skip


def a_match(record: int, score: float = 1.0, *, text: str = "", is_new: bool = False) -> Match:
    record_id = RecordId(UUID(int=record))
    return Match(record_id, "csv", score, lambda: a_candidate(record, text), is_new=is_new)


def a_hit(record: int, *legs: str) -> Hit[Candidate]:
    parts = tuple(Contribution(leg, 1, 1.0, 1.0, 1.0) for leg in legs)
    return Hit(a_candidate(record), 1.0, parts)


def numbers(ranking: list[Match]) -> list[int]:
    return [match.record_id.int for match in ranking]


def test_what_is_new_is_added_and_else_what_nobody_found() -> None:
    arriving = [a_match(1, is_new=True), a_match(2), a_match(3)]
    added = to_add(arriving, {"keyword": [a_match(1), a_match(2)]})
    assert numbers(list(added.values())) == [1, 3]


def test_arriving_records_rank_by_their_share_of_the_best() -> None:
    keyword = [a_match(1, 20.0), a_match(2, 8.0)]
    added = {match.record_id: match for match in [a_match(3, 0.5), a_match(2, 0.1)]}
    ranking = among_keywords(keyword, added)
    assert [(match.record_id.int, match.score) for match in ranking] == [
        (1, 20.0),
        (3, 10.0),
        (2, 2.0),
    ]


def test_the_present_content_is_shown_in_place_of_the_old_one() -> None:
    new = a_match(1, 0.3, text="new")
    (shown,) = showing_new([a_match(1, 0.9, text="old")], {new.record_id: new})
    assert (shown.score, shown.read().text) == (0.9, "new")


def test_a_message_is_shown_once_though_a_passage_has_it_too() -> None:
    hits = [a_hit(1, "keyword"), a_hit(2, "keyword", "vector"), a_hit(1, "vector")]
    told = told_apart(hits, {RecordId(UUID(int=1))}, keyword="keyword")
    legs = [(hit.candidate.record_id.int, [part.leg for part in hit.contributions]) for hit in told]
    assert legs == [(1, ["arriving"]), (2, ["keyword", "vector"])]
