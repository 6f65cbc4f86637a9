"""Names of known entities in running text."""

from __future__ import annotations

import pytest

from domain.correlating.comparing import compare
from domain.mentions.extracting import mentions_of
from domain.mentions.names import MAX_CANDIDATES, known_name, name_candidates, names_in
from domain.models.entities import Description, EntityKind, Role
from tests.entity_builders import CONTACT, contact
from tests.store_builders import a_record

PERSON, ACCOUNT, PRODUCT = EntityKind.PERSON, EntityKind.ACCOUNT, EntityKind.PRODUCT
KNOWN = {"ada lovelace": [PERSON], "acme europe": [ACCOUNT], "acme europe holding": [ACCOUNT]}


def found(text: str) -> list[str]:
    return [mention.described.name or "" for mention in names_in(text, KNOWN)]


@pytest.mark.parametrize(
    ("kind", "name", "known"),
    [
        (PERSON, "Ada Lovelace", "ada lovelace"),
        (PERSON, "  J. R.  SMITH ", "j r smith"),
        (PERSON, "Bo O’Hara", "bo o'hara"),
        (PERSON, "José García", "José García"),
        (PERSON, "Jean-Luc Picard", "jean-luc picard"),
        (PERSON, "Ada", None),
        (PERSON, "Lovelace, Ada", "lovelace, ada"),
        (PERSON, "Jean-Luc", None),
        (PERSON, "Ada (Lovelace)", None),
        (PERSON, "one two three four five six seven", None),
        (ACCOUNT, "Acme Europe, Inc.", "acme europe"),
        (ACCOUNT, "Acme GmbH", "acme gmbh"),
        (ACCOUNT, "Acme", None),
        (ACCOUNT, "Shaw-Farrell Inc", "shaw-farrell"),
        (ACCOUNT, "Hill, Brown and James", "hill, brown and james"),
        (ACCOUNT, "Johnson & Johnson", "johnson & johnson"),
        (PRODUCT, "Iron 42", "iron 42"),
        (EntityKind.CALL, "Weekly call", None),
        (PERSON, "", None),
    ],
)
def test_a_name_is_known_by_its_words(kind: EntityKind, name: str, known: str | None) -> None:
    assert known_name(kind, name) == known


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace",
        "I asked Ada Lovelace, who knows",
        "(Ada Lovelace)",
        "*Ada Lovelace*: yes",
        "Ada\nLovelace's plan",
        "ADA LOVELACE",
        "Dr. Ada Lovelace.",
        "Bo, Ada Lovelace, Cy",
        "“Ada Lovelace”",
    ],
)
def test_a_name_is_found_as_its_words_follow_each_other(text: str) -> None:
    assert [name.lower() for name in found(text)] == ["ada lovelace"]
    assert "ada lovelace" in name_candidates(text)


@pytest.mark.parametrize(
    "text",
    [
        "Ada. Lovelace Systems",
        "Lovelace, Ada",
        "Ada, Lovelace",
        "ada lovelace",
        "Ada Lovelaces",
        "Ada (Lovelace)",
        "Ada/Lovelace",
        "Ada Lovelace.com",
        "Ada-Lovelace",
        "Ada’s Lovelace",
        "Ada - Lovelace",
    ],
)
def test_other_words_are_not_the_name(text: str) -> None:
    assert found(text) == []
    assert "ada lovelace" not in name_candidates(text)


def test_the_longest_of_names_that_begin_together_is_taken() -> None:
    assert found("Acme Europe Holding and Acme Europe") == ["Acme Europe Holding", "Acme Europe"]


def test_a_name_of_several_kinds_is_a_mention_of_each() -> None:
    mentions = list(names_in("see Iron Works", {"iron works": [PRODUCT, ACCOUNT]}))
    assert [mention.described.kind for mention in mentions] == [ACCOUNT, PRODUCT]
    assert {mention.role for mention in mentions} == {Role.MENTION}


def test_a_text_of_capitals_has_a_bounded_number_of_candidates() -> None:
    assert len(name_candidates(" ".join(f"A{n}" for n in range(10_000)))) == MAX_CANDIDATES


def test_whom_a_field_names_the_text_does_not_name_again() -> None:
    row = contact("c1", CONTACT, "ada@k.example", "Ada Lovelace")
    told = a_record("t", "Ada Lovelace", source_type=row.source_type, metadata=row.metadata)
    titled = a_record("t", "Ada Lovelace of Acme Europe", title=row.title, metadata=row.metadata)
    assert Role.MENTION in {one.role for one in mentions_of(told, "csv/1", KNOWN)}
    mentions = mentions_of(titled, "salesforce/1", KNOWN)
    assert [one.described.name for one in mentions if one.role is Role.MENTION] == ["Acme Europe"]


def test_who_speaks_in_a_transcript_is_not_named_by_it_again() -> None:
    transcript = a_record(
        "t", "Ada Lovelace: hello, Bo Agnew", metadata={"speakers": ["Ada Lovelace", "Speaker 2"]}
    )
    known = {"ada lovelace": [PERSON], "bo agnew": [PERSON]}
    mentions = mentions_of(transcript, "gong/1", known)
    assert [one.described.name for one in mentions] == ["Bo Agnew"]


def test_two_names_in_texts_do_not_tell_two_entities_apart() -> None:
    one, other = (
        Description(PERSON, frozenset({f"text:{name}"}), "Ada Lovelace") for name in ("a b", "c d")
    )
    assert not any("of its own" in reason.reason for reason in compare(one, other).evidence)
