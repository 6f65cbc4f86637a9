"""What is near enough to be one, and what is left to people."""

from __future__ import annotations

from typing import Any

import pytest

from domain.correlation import Outcome, statistics_of
from domain.gathering import gather
from domain.models.entities import Description, EntityKind
from domain.models.linking import Bond, Identity, Judgement, StoredDescription
from domain.near_linking import blocks_of, near_links, rounded

COMMON = [Description(EntityKind.PERSON, frozenset({f"id:{n}"}), "Bo Agnew") for n in range(500)]
STATISTICS = statistics_of(COMMON)


def identity(*keys: str, name: str = "Imke Sandvoort", **facts: str) -> Identity:
    described = Description(EntityKind.PERSON, frozenset(keys), name, facts)
    (found,) = gather([StoredDescription.of(described)], [])
    return found


def outcome_of(asked: Identity, *others: Identity, **more: Any) -> list[tuple[str, Outcome]]:
    links = near_links(asked, [asked, *others], STATISTICS, **more)
    anchors = {one.id: one.anchor for one in others}
    return [(anchors[link.other_id], link.outcome) for link in links]


def test_a_rare_name_with_the_same_job_is_linked() -> None:
    asked = identity("gong-party:1:2", title="Key account manager", company="Tarnbeck")
    other = identity("slack-user:U1", title="Key account manager", company="Tarnbeck")
    assert outcome_of(asked, other) == [("slack-user:U1", Outcome.LINKED)]


def test_a_name_that_many_have_is_left_with_all_who_have_it() -> None:
    asked = identity("gong-party:1:2", name="Bo Agnew")
    others = [identity(f"slack-user:U{n}", name="Bo Agnew") for n in range(3)]
    links = outcome_of(asked, *others)
    assert sorted(links) == [(f"slack-user:U{n}", Outcome.AMBIGUOUS) for n in range(3)]


def test_somebody_who_is_known_by_a_key_of_theirs_is_not_bothered_with_namesakes() -> None:
    asked = identity("slack-user:U9", name="Bo Agnew")
    assert outcome_of(asked, identity("slack-user:U1", name="Bo Agnew")) == []


def test_what_people_told_apart_is_no_candidate() -> None:
    asked, other = identity("gong-party:1:2"), identity("slack-user:U1")
    apart = Judgement(EntityKind.PERSON, Bond.APART, frozenset(asked.keys), frozenset(other.keys))
    assert outcome_of(asked, other, judgements=[apart]) == []


def test_a_bare_name_is_no_candidate() -> None:
    assert outcome_of(identity("gong-party:1:2"), identity()) == []


def test_who_has_very_many_keys_is_found_by_name_like_anybody() -> None:
    known = identity(*(f"id:{n:03}" for n in range(200)))
    assert blocks_of(known) & blocks_of(identity("gong-party:1:2"))


def test_calls_are_not_matched_by_what_they_are_about() -> None:
    described = Description(EntityKind.CALL, frozenset({"gong-call:1"}), "Weekly sync")
    (call,) = gather([StoredDescription.of(described)], [])
    assert blocks_of(call) == frozenset()


@pytest.mark.parametrize(("count", "power"), [(0, 0), (1, 1), (2, 2), (3, 2), (1023, 512)])
def test_counts_are_rounded_to_powers_of_two(count: int, power: int) -> None:
    assert rounded(count) == power
