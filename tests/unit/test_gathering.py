"""What is connected is one, whatever came first, unless people say otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from domain.gathering import associate, gather
from domain.models.entities import Description, EntityKind
from domain.models.ids import derive_entity_id
from domain.models.linking import Bond, Identity, Judgement, NearLink, StoredDescription, keyed
from domain.models.links import Outcome

PERSON = EntityKind.PERSON


def said(*keys: str, name: str | None = None, kind: EntityKind = PERSON) -> StoredDescription:
    return StoredDescription.of(Description(kind, frozenset(keys), name))


def keys_of(identities: Iterable[Identity]) -> list[tuple[str, ...]]:
    return sorted(identity.keys for identity in identities)


def apart(left: str, right: str, *, at: str = "", kind: EntityKind = PERSON) -> Judgement:
    """Two keys, or two names of those who share the key ``at``."""
    sides = [frozenset({one, keyed(one, at)} if at else {one}) for one in (left, right)]
    return Judgement(kind, Bond.APART, *sides)


def together(left: str, right: str) -> Judgement:
    return Judgement(PERSON, Bond.TOGETHER, frozenset({left}), frozenset({right}))


def test_descriptions_that_share_a_key_are_one() -> None:
    (identity,) = gather([said("a", "b"), said("b", "c")], [])
    assert identity.keys == ("a", "b", "c")


def test_a_identity_is_called_after_its_smallest_key() -> None:
    (identity,) = gather([said("b", "c"), said("a", "b")], [])
    assert identity.id == derive_entity_id(PERSON, "a")


def test_entities_of_different_kinds_share_nothing() -> None:
    identities = gather([said("a"), said("a", kind=EntityKind.ACCOUNT)], [])
    assert len(identities) == 2


def test_a_description_without_a_key_is_alone() -> None:
    identities = gather([said(name="Ann"), said("a", name="Ann")], [])
    assert keys_of(identities) == [(), ("a",)]


def test_the_name_that_most_give_comes_first() -> None:
    (identity,) = gather(
        [said("a", name="ann"), said("a", "b", name="Ann Lee"), said("b", name="Ann Lee")], []
    )
    assert identity.names == ("Ann Lee", "ann")


def test_what_people_told_apart_stays_apart() -> None:
    shared = [said("email:x", "sf:1"), said("email:x", "sf:2")]
    identities = gather(shared, [apart("sf:1", "sf:2")])
    assert keys_of(identities) == [("email:x", "sf:2"), ("sf:1",)]


def test_what_was_split_off_leaves_a_shared_key_behind() -> None:
    shared = [said("email:x", "sf:1"), said("email:x", "sf:2")]
    identities = gather(shared, [apart("sf:1", "email:x"), apart("sf:1", "sf:2")])
    assert keys_of(identities) == [("email:x", "sf:2"), ("sf:1",)]


def test_what_people_told_apart_is_not_joined_by_a_way_round() -> None:
    shared = [said("email:x", "sf:1"), said("email:x", "id:9"), said("id:9", "sf:2")]
    identities = gather(shared, [apart("sf:1", "sf:2")])
    assert not any({"sf:1", "sf:2"} <= set(identity.keys) for identity in identities)


def test_people_who_share_an_address_are_told_apart_by_their_names() -> None:
    identities = gather(
        [said("email:x", name="Ann"), said("email:x", name="Bob")],
        [apart("name:ann", "name:bob", at="email:x")],
    )
    assert sorted(identity.names for identity in identities) == [("Ann",), ("Bob",)]


def test_namesakes_of_those_who_were_told_apart_stay_who_they_are() -> None:
    shared = [said("email:x", name="Ann"), said("email:x", name="Bob")]
    namesakes = [said("email:y", name="Bob"), said("email:z", name="Ann")]
    identities = gather([*shared, *namesakes], [apart("name:ann", "name:bob", at="email:x")])
    assert sorted((one.keys, one.names) for one in identities) == [
        ((), ("Ann",)),
        (("email:x",), ("Bob",)),
        (("email:y",), ("Bob",)),
        (("email:z",), ("Ann",)),
    ]


def test_what_people_joined_is_one() -> None:
    (identity,) = gather([said("a"), said("b")], [together("a", "b")])
    assert identity.keys == ("a", "b")


def test_a_name_that_people_joined_to_somebody_is_theirs() -> None:
    named = said(name="Ann")
    identities = gather([named, said("a")], [together("a", named.own_token)])
    assert [(identity.keys, identity.names) for identity in identities] == [(("a",), ("Ann",))]


DESCRIPTIONS = st.lists(
    st.builds(
        said,
        st.sampled_from("abcd"),
        st.sampled_from("cdef"),
        name=st.sampled_from([None, "Ann", "Bob"]),
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)
JUDGEMENTS = st.lists(
    st.builds(apart, st.sampled_from("abc"), st.sampled_from("def"))
    | st.builds(together, st.sampled_from("abc"), st.sampled_from("def")),
    max_size=2,
)


@given(DESCRIPTIONS, JUDGEMENTS, st.randoms())
def test_the_order_of_descriptions_makes_no_difference(
    descriptions: list[StoredDescription], judgements: list[Judgement], random: st.DataObject
) -> None:
    shuffled = list(descriptions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert gather(shuffled, judgements) == gather(descriptions, judgements)


@given(DESCRIPTIONS, JUDGEMENTS)
def test_every_description_is_in_one_identity_and_every_key_in_at_most_one(
    descriptions: list[StoredDescription], judgements: list[Judgement]
) -> None:
    identities = gather(descriptions, judgements)
    ids = [id for identity in identities for id in identity.descriptions]
    keys = [key for identity in identities for key in identity.keys]
    assert sorted(ids) == sorted(one.id for one in descriptions)
    assert len(keys) == len(set(keys))


def a_link(
    a: Identity, b: Identity, outcome: Outcome = Outcome.LINKED, score: float = 0.9
) -> NearLink:
    return NearLink(a.id, b.id, outcome, score, ())


def test_identities_that_link_each_other_are_one_entity() -> None:
    a, b = gather([said("a"), said("b")], [])
    entities = associate([a, b], [a_link(a, b), a_link(b, a)], [])
    assert set(entities.values()) == {derive_entity_id(PERSON, "a")}


def test_a_link_that_is_not_returned_makes_nothing_one() -> None:
    a, b = gather([said("a"), said("b")], [])
    links = [a_link(a, b), a_link(b, a, Outcome.AMBIGUOUS)]
    assert associate([a, b], links, []) == {a.id: a.id, b.id: b.id}


def test_a_bare_name_is_linked_by_its_own_word() -> None:
    identities = gather([said("a", name="Ann"), said(name="Ann")], [])
    keyed, named = sorted(identities, key=lambda identity: not identity.keys)
    entities = associate(identities, [a_link(named, keyed)], [])
    assert entities[named.id] == keyed.id


def test_near_links_do_not_join_what_people_told_apart() -> None:
    a, b, c = sorted(
        gather([said("a"), said("b"), said("c")], []), key=lambda identity: identity.anchor
    )
    links = [a_link(a, b), a_link(b, a), a_link(b, c, score=0.8), a_link(c, b, score=0.8)]
    entities = associate([a, b, c], links, [apart("a", "c")])
    assert entities[a.id] == entities[b.id] != entities[c.id]


def test_near_links_of_one_kind_are_none_of_anothers_decisions() -> None:
    a, b = gather([said("a"), said("b")], [])
    entities = associate(
        [a, b], [a_link(a, b), a_link(b, a)], [apart("a", "b", kind=EntityKind.ACCOUNT)]
    )
    assert entities[a.id] == entities[b.id]
