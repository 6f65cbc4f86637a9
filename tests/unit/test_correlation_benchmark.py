"""How the benchmark of correlation counts, and how it finds and groups descriptions."""

from __future__ import annotations

from benchmarks.correlation_scoring import (
    Blocks,
    Score,
    one_after_another,
    pairs_between,
    pairs_within,
    score,
)
from domain.models.entities import Description, EntityKind


def person(name: str, *keys: str) -> Description:
    return Description(EntityKind.PERSON, frozenset(keys), name)


def test_precision_recall_and_f1_count_pairs() -> None:
    counted = score([(1, 1), (1, 2), (3, 3)], [(1, 1), (3, 3), (4, 4), (5, 5)])

    assert counted == Score(found=3, true=4, right=2)
    assert (round(counted.precision, 3), counted.recall) == (0.667, 0.5)
    assert round(counted.f1, 3) == 0.571


def test_finding_nothing_has_no_f1() -> None:
    assert score([], [(1, 1)]).f1 == 0.0


def test_pairs_within_groups_leave_out_what_has_no_group() -> None:
    assert pairs_within(["a", None, "a", None, "b", "a"]) == {(0, 2), (0, 5), (2, 5)}


def test_pairs_between_lists_are_those_of_equal_values() -> None:
    assert pairs_between(["x", None, "y"], ["y", "x", "x", None]) == {(0, 1), (0, 2), (2, 0)}


def test_partners_are_those_that_share_a_blocking_key() -> None:
    blocks = Blocks([person("Tamsin Okoro"), person("John Smith"), person("Bo Okoro")])

    assert set(blocks.partners(person("Okoro"))) == {0, 2}


def test_records_of_one_key_come_to_be_one_entity() -> None:
    people = [
        person("Tamsin", "email:okoro@acme.example"),
        person("John", "email:smith@acme.example"),
        person("T. Okoro", "email:okoro@acme.example"),
    ]

    assert one_after_another(people) == [0, 1, 0]
