"""What of a description is compared, and how: one table for every kind of entity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from domain.correlating.normal import company_words, legal_form, words, words_and_codes
from domain.correlating.texts import Frequency, WordModel
from domain.correlating.values import (
    AgreementModel,
    ContextModel,
    MailModel,
    ValueModel,
    code_level,
    company_level,
    date_level,
    digits,
    domain,
    job_level,
    mild_level,
    no_level,
    phone_number,
    place_level,
    spaced,
    year_level,
)
from domain.models.entities import Description, EntityKind, Evidence


class Model(Protocol):
    """How texts of one field are compared. ``usual`` is how often a token is where none counted."""

    @property
    def usual(self) -> float: ...

    def tokens(self, text: str) -> Iterator[str]:
        """What the statistics count of a text."""
        ...

    def compare(self, label: str, a: str, b: str, frequency: Frequency) -> Iterator[Evidence]:
        """The evidence of two texts; the same, but for its order, for ``b`` and ``a``."""
        ...


def _company(text: str) -> str:
    return " ".join(company_words(text))


PERSON_NAME = WordModel(words, usual=0.01, shared=0.85, similar=0.10, against=-4.5, alone=-0.5)
COMPANY_NAME = WordModel(
    company_words, usual=0.01, shared=0.9, similar=0.05, against=-5.0, alone=-3.5
)
TITLE = WordModel(
    words_and_codes, usual=0.01, shared=0.8, similar=0.0, against=-2.0, alone=-0.8, scale=0.8
)

NAMES: Mapping[EntityKind, Model] = {
    EntityKind.PERSON: PERSON_NAME,
    EntityKind.ACCOUNT: COMPANY_NAME,
}

LEGAL_FORM = AgreementModel(equal=0.9, chance=0.2)
"""There are few. People leave it out, and a group has several, so that another says nothing."""

FACTS: Mapping[str, Model] = {
    "born": ValueModel(digits, 0.0005, 0.80, date_level),
    "phone": ValueModel(phone_number, 0.0005, 0.60, mild_level),
    "postcode": ValueModel(spaced, 0.002, 0.75, code_level),
    "city": ValueModel(spaced, 0.02, 0.75, place_level),
    "region": ValueModel(spaced, 0.10, 0.90, place_level),
    "address": WordModel(words, 0.01, 0.80, 0.10, -2.0, -0.3, scale=0.7),
    "company": ValueModel(_company, 0.01, 0.80, company_level),
    "domain": ValueModel(domain, 0.01, 0.80, mild_level),
    "title": ValueModel(spaced, 0.05, 0.60, job_level),
    "email": MailModel(0.01),
    "context": ContextModel(0.05, 0.85),
    "authors": WordModel(words, 0.01, 0.90, 0.05, -2.0, -0.3, scale=0.5, most=8.0),
    "year": ValueModel(digits, 0.10, 0.95, year_level),
    "description": WordModel(words_and_codes, 0.01, 0.40, 0.0, 0.0, 0.0, scale=0.2, most=6.0),
}
OTHER_FACT = ValueModel(spaced, 0.02, 0.60, no_level)
"""A fact that is not in the table speaks only for a link, where it is the same."""


def fields_of(description: Description) -> Iterator[tuple[str, str, Model]]:
    """Label, text and model of everything that is compared, apart from keys."""
    if description.name:
        yield "name", description.name, NAMES.get(description.kind, TITLE)
        if description.kind is EntityKind.ACCOUNT and (form := legal_form(description.name)):
            yield "legal form", form, LEGAL_FORM
    facts = dict(description.facts)
    addresses = sorted(key[6:] for key in description.keys if key.startswith("email:"))
    if addresses or "email" in facts:
        facts["email"] = " ".join([*addresses, *facts.get("email", "").lower().split()])
    for fact, text in facts.items():
        yield fact, text, FACTS.get(fact, OTHER_FACT)
