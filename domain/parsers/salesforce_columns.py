"""One column of a Salesforce table: from a value in it to facts, metadata and references."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from domain.models.records import JsonValue
from domain.parsers.generic import shortened
from domain.parsers.readable import is_blank
from domain.parsers.salesforce_fields import Traits, relation_of, traits_of
from domain.parsers.salesforce_ids import full_id, sure_id
from domain.parsers.salesforce_values import spoken, typed
from domain.references import reference, without_marks

KEY = "salesforce:"
"""Begins the keys under which records publish their names."""

_MARKS = re.compile("[\ue000-\ue002]")
_REMEMBERED_VALUES = 1_000
_REMEMBERED_CHARS = 64
_FACT_CHARS = 160
_TREE_REFERENCE = re.compile(r"@\w+\Z", re.ASCII)
_LOCAL_ID = re.compile(r"\d{1,9}\Z", re.ASCII)
_BARE = re.compile(r"\A(?:[A-Za-z][A-Za-z0-9]*?__(?=\w+__c\Z))?(.*?)(?:__c|_?id)?\Z", re.IGNORECASE)
_LOCAL_TARGETS = ("contact", "account", "opportunity", "campaign", "lead", "case", "user")
_NAMED_TARGETS = {"primary_affiliation": "account", "reports_to": "contact", "owner": "user"}


class More(NamedTuple):
    """What few values have: a paragraph of their own, a reference, a length that metadata cut."""

    passage: str = ""
    link: str = ""
    is_cut: bool = False


Seen = tuple[str, JsonValue, More | None]
"""What a value comes to: what the record's sentence says of it (``""``: nothing), and what the
metadata hold. A blank value comes to ``BLANK``.
"""

BLANK: Seen = ("", None, None)


class Scope(NamedTuple):
    """How rows are told apart where an id does not suffice.

    ``folder`` is where ``@references`` hold, ``is_local`` says that small numbers are ids of the
    data set's own, ``is_detailed`` that several rows have the id of one record.
    """

    folder: str | None = None
    is_local: bool = False
    is_detailed: bool = False

    def link(self, column: str, text: str) -> tuple[str, str] | None:
        """A lookup's value and the key that it means, if the data set has given the id."""
        if self.folder is not None and _TREE_REFERENCE.match(text):
            return text, self.tree_key(text[1:])
        if self.is_local and column == column.lower() and _LOCAL_ID.match(text):
            return text, local_key(_target(column), text)
        return None

    def own_key(self, sobject: str, own_id: str) -> str | None:
        """The key of the record that the data set calls so."""
        if self.folder is not None and own_id.startswith("@"):
            return self.tree_key(own_id[1:])
        return local_key(sobject, own_id) if self.is_local and own_id else None

    def tree_key(self, name: str) -> str:
        return f"{KEY}@{self.folder}:{name}"


def local_key(sobject: str, local_id: str) -> str:
    """The key of a record that only its data set has numbered."""
    return f"{KEY}local:{bare_name(sobject)}:{local_id}"


def bare_name(name: str) -> str:
    """An object's or lookup's name without name space and ending, in lower case."""
    found = _BARE.match(name)
    return (found[1] if found else name).lower()


def _target(column: str) -> str:
    """The object that a lookup of a numbered data set leads to: ``primary_contact__c``."""
    bare = bare_name(column)
    if bare in _NAMED_TARGETS:
        return _NAMED_TARGETS[bare]
    return next((name for name in _LOCAL_TARGETS if bare.endswith(f"_{name}")), bare)


def _forgetful(_: str) -> None:
    return None


class Column:
    """Reads the values of one column; remembers short ones, as most come again and again.

    ``name_at`` is the index of the column that holds the name behind this lookup, or -1.
    """

    __slots__ = (
        "index",
        "is_lookup",
        "is_silent",
        "memory",
        "name",
        "name_at",
        "raw_name",
        "relation",
        "scope",
        "traits",
    )

    def __init__(self, index: int, raw_name: str, name: str, scope: Scope) -> None:
        self.index = index
        self.raw_name = raw_name
        self.name = name
        self.scope = scope
        self.traits: Traits = traits_of(name)
        self.relation = relation_of(name)
        self.is_silent = self.traits.is_hidden
        self.is_lookup = self.traits.is_lookup
        self.name_at = -1
        self.memory: dict[str, Seen] = {}

    @property
    def remembered(self) -> Callable[[str], Seen | None]:
        """What a text came to before; a lookup that another column names remembers nothing."""
        return self.memory.get if self.name_at < 0 else _forgetful

    def see(self, text: str) -> Seen:
        """What a text comes to; asked only when the memory has no answer."""
        seen = self._see_text(text)
        if len(text) <= _REMEMBERED_CHARS and len(self.memory) < _REMEMBERED_VALUES:
            self.memory[text] = seen
        return seen

    def see_value(self, value: JsonValue) -> Seen:
        """The same for a number, flag, list or object of JSON."""
        if is_blank(value):
            return BLANK
        short = shortened(value)
        fact = "" if self.is_silent else without_marks(spoken(value, self.traits))
        if len(fact) > _FACT_CHARS:
            return "", short, More(fact, is_cut=short is not value)
        return fact, short, More(is_cut=True) if short is not value else None

    def see_lookup(self, text: str, name: str) -> Seen:
        """A lookup of which the row itself says the name."""
        found = self._target_of(text.strip())
        if found is None:
            return self.see(text)
        return self._linked(*found, name.strip())

    def _see_text(self, text: str) -> Seen:
        text = text.strip()
        if not text.isascii() and _MARKS.search(text):
            text = without_marks(text).strip()
        if not text:
            return BLANK
        if found := self._target_of(text):
            return self._linked(*found, found[0])
        value = typed(text, self.traits)
        if isinstance(value, str):
            return self._said(value or text)
        fact = "" if self.is_silent else spoken(value, self.traits)
        return fact, value, None

    def _said(self, text: str) -> Seen:
        short = shortened(text)
        is_cut = short is not text
        is_long = self.traits.is_prose or len(text) > _FACT_CHARS or "\n" in text
        # What the metadata cannot hold in full must stand in the text.
        if is_cut or (is_long and not self.is_silent):
            return "", short, More(f"{self._heading()}: {text}", is_cut=is_cut)
        return "" if self.is_silent else spoken(text, self.traits), text, None

    def _heading(self) -> str:
        return self.traits.label[:1].upper() + self.traits.label[1:]

    def _target_of(self, text: str) -> tuple[str, str] | None:
        """A lookup's value, ids at full length, and the key of what it leads to."""
        if len(text) == 18 or (len(text) == 15 and (self.is_lookup or self.traits.is_custom)):
            known = full_id(text) if self.is_lookup else sure_id(text)
            if known:
                return known, KEY + known
        return self.scope.link(self.raw_name, text)

    def _linked(self, value: str, key: str, fallback: str) -> Seen:
        link = reference(key, fallback)
        fact = "" if self.is_silent else f"{self.traits.phrase} {link}"
        return fact, value, More(link=link)
