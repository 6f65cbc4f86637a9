"""Correlation: comparing descriptions, deciding between candidates. All names are invented."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.correlating.fields import FACTS as FACT_MODELS
from domain.correlation import (
    Outcome,
    TokenStatistics,
    blocking_keys,
    compare,
    decide,
    pair_up,
    statistics_of,
    tokens_of,
)
from domain.models.entities import Description, EntityKind, Evidence, Verdict

PERSON, ACCOUNT, PRODUCT = EntityKind.PERSON, EntityKind.ACCOUNT, EntityKind.PRODUCT


def person(name: str | None = None, *keys: str, **facts: str) -> Description:
    return Description(PERSON, frozenset(keys), name, facts)


def account(name: str, **facts: str) -> Description:
    return Description(ACCOUNT, frozenset(), name, facts)


def product(name: str) -> Description:
    return Description(PRODUCT, frozenset(), name)


WORDS = ["ann", "anna", "bo", "lee", "li", "lé", "quist", "quisst", "tamsin", "ø", "李"]
NAMES = st.lists(st.sampled_from(WORDS), max_size=3)
FACTS = st.dictionaries(
    st.sampled_from([*FACT_MODELS, "shoe"]),
    st.text(string.ascii_lowercase[:4] + "0123;@. -é", max_size=12),
    max_size=4,
)
KEYS = st.frozensets(
    st.sampled_from(
        ["email:a@x.example", "email:b@gmail.com", "slack-user:T1/U1", "slack-user:T1/U2"]
    ),
    max_size=2,
)
DESCRIPTIONS = st.builds(
    Description,
    st.sampled_from(list(EntityKind)),
    KEYS,
    NAMES.map(" ".join),
    FACTS,
)
PEOPLE = st.builds(Description, st.just(PERSON), KEYS, NAMES.map(" ".join), FACTS)
KNOWN = statistics_of(
    [person("Ann Lee"), person("Ann Quist", city="b"), person("Bo Lee"), person("Tamsin Lee")]
)
STATISTICS = st.sampled_from([None, KNOWN])


@given(DESCRIPTIONS, DESCRIPTIONS, STATISTICS)
def test_comparing_gives_the_same_both_ways(
    a: Description, b: Description, statistics: TokenStatistics | None
) -> None:
    there, back = compare(a, b, statistics), compare(b, a, statistics)

    assert there.score == back.score
    assert sorted(map(repr, there.evidence)) == sorted(map(repr, back.evidence))


@given(PEOPLE, PEOPLE, STATISTICS)
def test_the_weights_of_the_evidence_add_up_to_the_log_odds(
    a: Description, b: Description, statistics: TokenStatistics | None
) -> None:
    verdict = compare(a, b, statistics)
    total = math.fsum(one.weight for one in verdict.evidence)
    bounded = max(-40.0, min(40.0, total))

    if a.keys & b.keys:
        assert total == math.inf
    else:
        assert math.log2(verdict.score / (1 - verdict.score)) == pytest.approx(bounded, abs=0.01)


@given(PEOPLE, PEOPLE, st.sampled_from(["email:c@x.example", "gong-user:1"]))
def test_a_shared_key_makes_certain(a: Description, b: Description, key: str) -> None:
    a = Description(a.kind, a.keys | {key}, a.name, a.facts)
    b = Description(b.kind, b.keys | {key}, b.name, b.facts)

    assert compare(a, b).score == 1.0


@given(PEOPLE, PEOPLE, STATISTICS)
def test_without_a_shared_key_nothing_is_certain(
    a: Description, b: Description, statistics: TokenStatistics | None
) -> None:
    if not a.keys & b.keys:
        assert 0.0 < compare(a, b, statistics).score < 1.0


@given(DESCRIPTIONS, DESCRIPTIONS)
def test_entities_of_different_kinds_are_never_one(a: Description, b: Description) -> None:
    if a.kind is not b.kind:
        assert compare(a, b).score == 0.0


@given(PEOPLE, st.lists(PEOPLE, min_size=1, max_size=4), PEOPLE, STATISTICS)
def test_another_candidate_never_links_to_an_earlier_one(
    one: Description,
    others: list[Description],
    added: Description,
    statistics: TokenStatistics | None,
) -> None:
    candidates = list(enumerate(others))
    before = decide(one, candidates, statistics)
    after = decide(one, [*candidates, (len(others), added)], statistics)

    if before.outcome is not Outcome.LINKED:
        assert after.linked in (None, len(others))


@given(PEOPLE, st.lists(PEOPLE, max_size=4))
def test_the_order_of_candidates_does_not_change_the_outcome(
    one: Description, others: list[Description]
) -> None:
    candidates = list(enumerate(others))

    assert decide(one, candidates).outcome is decide(one, candidates[::-1]).outcome


@given(DESCRIPTIONS)
def test_blocking_keys_are_few_and_short(description: Description) -> None:
    keys = blocking_keys(description)

    assert len(keys) <= 128
    assert all(0 < len(key) <= 64 for key in keys)


def test_blocking_keys_of_a_very_long_title_are_few() -> None:
    assert len(blocking_keys(product(" ".join(f"word{n}" for n in range(500))))) == 64


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (person("Tamsin Okoro"), person("Okoro, Tamsin")),
        (person("Tamsin Okoro"), person("Tamzin Okoro")),
        (person("Tamsin Okoro"), person("Tamsin Okonkwo", phone="+1 202 555 0114")),
        (person("T. Okoro", phone="(202) 555-0114"), person(None, phone="202.555.0114")),
        (person("T", "email:okoro@acme.example"), person("Q", email="okoro@old.example")),
        (account("Acme GmbH"), account("ACME")),
        (product("Brightline PS-440X lamp"), product("lamp brightline ps440x")),
    ],
)
def test_descriptions_of_one_entity_share_a_blocking_key(a: Description, b: Description) -> None:
    if b.facts.get("phone") and not a.facts.get("phone"):
        assert {key for key in blocking_keys(a) if key.startswith("word:")} & blocking_keys(b)
    else:
        assert blocking_keys(a) & blocking_keys(b)


def crowd(*people: Description) -> TokenStatistics:
    """Statistics of a company with a hundred people of two common and many rare names."""
    common = [person(f"{first} Smith") for first in ("John", "Mary") for _ in range(30)]
    rare = [person(f"First{n} Last{n}") for n in range(40)]
    return statistics_of([*common, *rare, *people])


def test_a_rare_surname_weighs_more_than_a_common_one() -> None:
    rare, common = person("Tamsin Okoro"), person("John Smith")
    known = crowd(rare, common)

    assert compare(rare, rare, known).score > 0.99
    assert compare(common, common, known).score < 0.5


def test_a_misspelt_name_with_the_same_birthday_is_one_person() -> None:
    a = person("Tamsin Okoro", born="1984-03-12", city="Leeds")
    b = person("Okoro Tamsn", born="19840321", city="Leeds")

    assert compare(a, b, crowd(a, b)).score > 0.99


def test_equal_names_with_other_birthday_and_town_are_two_people() -> None:
    a = person("Tamsin Okoro", born="1984-03-12", city="Leeds")
    b = person("Tamsin Okoro", born="1951-11-30", city="Hull")

    assert compare(a, b, crowd(a, b)).score < 0.5


def test_two_users_of_one_workspace_are_hardly_one_person() -> None:
    a = person("Tamsin Okoro", "slack-user:T1/U1")
    same_workspace = person("Tamsin Okoro", "slack-user:T1/U2")
    other_workspace = person("Tamsin Okoro", "slack-user:T2/U2")
    known = crowd(a, same_workspace, other_workspace)

    assert compare(a, same_workspace, known).score < 0.9 < compare(a, other_workspace, known).score


def test_a_free_mail_domain_is_no_evidence() -> None:
    a, b = person("Tamsin Okoro", domain="gmail.com"), person("Tamsin Okoro", domain="gmail.com")

    assert not any(one.reason.startswith("domain") for one in compare(a, b).evidence)


def test_a_subsidiary_of_the_same_domain_is_not_its_parent() -> None:
    a = account("Acme Inc", domain="acme.example")
    b = account("Acme Logistics Europe GmbH", domain="www.acme.example")

    assert compare(a, b).score < 0.5


def test_a_company_may_be_called_without_its_legal_form() -> None:
    a, b = account("Brightwater Tiles GmbH"), account("BRIGHTWATER TILES")

    assert compare(a, b).score == compare(b, b).score


def test_the_same_legal_form_speaks_for_a_link_and_another_says_nothing() -> None:
    plain, other, same = (account(f"Brightwater {form}") for form in ("", "Ltd", "GmbH"))
    one = account("BRIGHTWATER GMBH")

    assert compare(one, same).score > compare(one, other).score == compare(one, plain).score


def test_a_legal_form_alone_is_a_name() -> None:
    assert [each.reason for each in compare(account("SE"), account("SE")).evidence][1:] == [
        "name: both have “se”, as 1 in 100 do"
    ]


def test_the_evidence_of_a_link_is_in_words() -> None:
    a = person("Tamsin Okoro", title="Buyer", phone="202 555 0114")
    b = person("Tamsn Okoro", title="Buyer", phone="202 555 0199")
    reasons = [one.reason for one in compare(a, b, crowd(a, b)).evidence]

    assert reasons == [
        "one of 102 known",
        "name: both have “okoro”, as 1 in 55 do",
        "name: “tamsin” and “tamsn” are alike",
        "title: both “buyer”, as 1 in 41",
        "phone: “025550114” and “025550199” differ",
    ]


def test_the_only_person_of_a_rare_name_is_linked() -> None:
    okoro, smith = person("Tamsin Okoro"), person("John Smith")
    decision = decide(person("tamsin okoro"), [(1, okoro), (2, smith)], crowd(okoro, smith))

    assert decision.linked == 1
    assert [one.id for one in decision.candidates] == [1]


def test_a_name_that_two_employees_share_is_left_with_both() -> None:
    two = [
        (1, person("Tamsin Okoro", "slack-user:T1/U1")),
        (2, person("Tamsin Okoro", "slack-user:T1/U2")),
    ]
    decision = decide(person("Tamsin Okoro"), two, crowd(*(one for _, one in two)))

    assert decision.outcome is Outcome.AMBIGUOUS
    assert {one.id for one in decision.candidates} == {1, 2}


def test_what_tells_two_of_one_name_apart_decides_between_them() -> None:
    two = [
        (1, person("Tamsin Okoro", "slack-user:T1/U1", context="Harbour;Lantern")),
        (2, person("Tamsin Okoro", "slack-user:T1/U2", context="Meadow")),
    ]
    known = crowd(*(one for _, one in two), *(person(context=f"Team {n}") for n in range(40)))
    decision = decide(person("Tamsin Okoro", context="Lantern"), two, known)

    assert decision.linked == 1


def test_two_good_candidates_that_nothing_tells_apart_are_one_entity() -> None:
    fragments = [
        (1, person("Tamsin Okoro", born="1984-03-12")),
        (2, person("Okoro", born="1984-03-12", city="Leeds")),
    ]
    decision = decide(
        person("Tamsin Okoro", born="1984-03-12", city="Leeds"),
        fragments,
        crowd(*(one for _, one in fragments)),
    )

    assert decision.outcome is Outcome.LINKED
    assert {one.id for one in decision.candidates} == {1, 2}


def test_a_key_of_two_candidates_is_left_to_a_person() -> None:
    shared = person("Office", "email:office@acme.example")
    decision = decide(shared, [(1, shared), (2, shared)])

    assert (decision.outcome, decision.probability) == (Outcome.AMBIGUOUS, 0.5)


def test_a_key_outweighs_a_better_name() -> None:
    described = person("Tamsin Okoro", "email:okoro@acme.example")
    candidates = [(1, person("Tamsin Okoro")), (2, person("T.", "email:okoro@acme.example"))]

    assert decide(described, candidates).linked == 2


def test_a_candidate_counts_by_the_best_of_its_descriptions() -> None:
    okoro = person("Tamsin Okoro")
    candidates = [(1, person("Tommy")), (1, okoro), (1, person("T. O."))]

    assert decide(person("Tamsin Okoro"), candidates, crowd(okoro)).linked == 1


def test_the_better_of_two_very_good_candidates_is_linked() -> None:
    """Both scores are next to 1, where only the evidence tells them apart."""
    facts = {"born": "1984-03-12", "phone": "202 555 0114", "postcode": "LS1 4DY", "city": "Leeds"}
    described = person("Tamsin Okoro Quist Adair", address="7 Mill Lane", **facts)
    candidates = [
        (1, person("Tamsin Okoro Quist Adair", "slack-user:T1/U1", address="7 Mill Lane", **facts)),
        (2, person("Tamsin Okoro Quist", "slack-user:T1/U2", **facts)),
    ]

    assert decide(described, candidates).linked == 1


def test_without_candidates_there_is_none() -> None:
    empty: list[tuple[int, Description]] = []

    assert decide(person("Tamsin Okoro"), empty).outcome is Outcome.NONE


def test_someone_else_is_no_candidate() -> None:
    decision = decide(person("Tamsin Okoro"), [(1, person("John Smith"))], crowd())

    assert (decision.outcome, decision.candidates) == (Outcome.NONE, ())


def test_catalogues_pair_up_best_first_and_each_entry_once() -> None:
    scores = {("a", 1): 0.9, ("a", 2): 0.8, ("b", 1): 0.7, ("b", 2): 0.4, ("c", 3): 0.01}
    verdicts = {
        pair: Verdict(score, (Evidence("told so", math.log2(score / (1 - score))),))
        for pair, score in scores.items()
    }

    assert pair_up(verdicts) == [("a", 1), ("b", 2)]


def test_statistics_count_each_word_of_a_description_once() -> None:
    known = statistics_of([person("Ann Ann Lee", city="New York"), person("Bo Lee")])

    assert known == TokenStatistics(
        2, {"name:ann": 1, "name:lee": 2, "name:bo": 1, "city:new york": 1}
    )


def test_tokens_of_an_address_are_its_domain() -> None:
    assert tokens_of(person(None, "email:lee@acme.example")) == {"email:acme.example"}
