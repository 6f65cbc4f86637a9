"""Entities: what records of several sources speak of, and the links that tie these together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

IN_TEXT = "text:"
"""How keys begin that are names in running texts: ``text:ada lovelace`` is whoever they mean by it.

Sorted behind all other keys, so that nothing is called after it that has another.
"""


class EntityKind(StrEnum):
    PERSON = "person"
    ACCOUNT = "account"
    OPPORTUNITY = "opportunity"
    CASE = "case"
    CALL = "call"
    THREAD = "thread"
    PRODUCT = "product"
    DOCUMENT = "document"
    """A text with a title: a file, a page, a paper."""


class Role(StrEnum):
    """What an entity is to the record that speaks of it."""

    SUBJECT = "subject"
    """The record is about it: a contact's row, a call's record."""
    AUTHOR = "author"
    PARTICIPANT = "participant"
    REFERENCE = "reference"
    """A field or a link names it by a key."""
    MENTION = "mention"
    """Running text names it."""


@dataclass(frozen=True, slots=True)
class Description:
    """How one record describes an entity.

    ``keys`` identify it beyond doubt: ``email:ann@example.com``, ``salesforce:001…AAA`` (18
    characters), ``slack-user:T1/U2``, ``gong-call:7782342274025937895``. Two descriptions that
    share a key are of one entity. ``facts`` are weak evidence for near matches, by name:
    ``company``, ``domain``, ``title``, ``phone``, ``city``; values as the source writes them.
    """

    kind: EntityKind
    keys: frozenset[str] = frozenset()
    name: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mention:
    """That a record speaks of an entity, and in which role."""

    described: Description
    role: Role


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against a link, in a reader's words, and what it adds to the score.

    ``weight`` is a log2 likelihood ratio: positive speaks for the link.
    """

    reason: str
    weight: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison of two descriptions came to.

    ``score`` is the probability, 0 to 1, that both are of one entity; exact keys give 1.
    """

    score: float
    evidence: tuple[Evidence, ...]
