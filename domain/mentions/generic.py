"""People, companies and products in rows of tables and objects of JSON, by their columns' names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.mentions.fields import company_domain, described, text_of
from domain.mentions.keys import email_key, opaque_id_key, record_key, salesforce_key
from domain.models.entities import Description, EntityKind, Mention, Role
from domain.models.records import JsonValue, Record

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^0-9a-z]+")

_NAME = ("name", "full_name", "display_name", "real_name", "contact_name", "employee_name")
_FIRST, _LAST = ("first_name", "given_name", "firstname"), ("last_name", "surname", "lastname")
_ID = ("id", "user_id", "employee_id", "person_id", "slack_id", "external_id")
_EMAIL = ("email", "email_address", "e_mail", "mail", "work_email", "user_email", "contact_email")
_PHONE = ("phone", "phone_number", "mobile", "telephone")
_TITLE = ("title", "job_title", "role", "position")
_CITY = ("city", "location", "town")
_PERSON_ONLY = (*_PHONE, "job_title", "position", "department", "org", "manager", "hire_date")
_COMPANY = (
    "company",
    "company_name",
    "account",
    "account_name",
    "organization",
    "organisation",
    "employer",
    "customer_name",
    "org",
)
_WEBSITE = ("website", "domain", "web_site", "homepage")
_COMPANY_ONLY = (*_WEBSITE, "industry", "annual_revenue", "number_of_employees")
_PRODUCT = ("product", "product_name")
_MAX_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class _Row:
    """A record's short texts by their columns' names in snake case; the first of a name stays."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, metadata: Mapping[str, JsonValue]) -> _Row:
        values: dict[str, str] = {}
        for column in list(metadata)[:_MAX_COLUMNS]:
            text = text_of(metadata, column)
            if text and len(text) <= 200:
                values.setdefault(_snake(column), text)
        return cls(values)

    def first(self, columns: tuple[str, ...]) -> str:
        return next((self.values[column] for column in columns if column in self.values), "")

    def has_any(self, columns: tuple[str, ...]) -> bool:
        return any(column in self.values for column in columns)


def generic_mentions(record: Record) -> Iterator[Mention]:
    row = _Row.of(record.metadata)
    person = _person(record, row)
    account = None if person else _account(record, row)
    for subject in (person, account):
        if subject:
            yield Mention(subject, Role.SUBJECT)
    if person and (company := row.first(_COMPANY)) and _is_company_column(row):
        yield from _named(EntityKind.ACCOUNT, company)
    if product := row.first(_PRODUCT):
        yield from _named(EntityKind.PRODUCT, product)
    yield from _others(row, person)


def _person(record: Record, row: _Row) -> Description | None:
    """The row's person: it has a name, and something that only people have."""
    name = row.first(_NAME) or " ".join(filter(None, (row.first(_FIRST), row.first(_LAST))))
    email = row.first(_EMAIL)
    key = email_key(email)
    has_titled_name = row.has_any(_TITLE) and row.has_any((*_COMPANY, *_CITY))
    is_person = bool(key) or (row.has_any(_FIRST) and row.has_any(_LAST))
    is_person = is_person or row.has_any(_PERSON_ONLY) or has_titled_name
    if not name or not is_person or row.has_any(_COMPANY_ONLY):
        return None
    own_id = row.first(_ID)
    salesforce = salesforce_key(own_id)
    keys = [
        key,
        opaque_id_key(own_id),
        salesforce[1] if salesforce and salesforce[0] is EntityKind.PERSON else None,
    ]
    if not any(keys):
        keys = [record_key(record.record_id)]
    facts = {
        "title": row.first(_TITLE),
        "company": row.first(_COMPANY),
        "city": row.first(_CITY),
        "phone": row.first(_PHONE),
        "domain": company_domain(email) if key else "",
    }
    return described(EntityKind.PERSON, keys, name, facts)


def _account(record: Record, row: _Row) -> Description | None:
    name = row.first(_COMPANY) or row.first(_NAME)
    if not name or not row.has_any(_COMPANY_ONLY):
        return None
    facts = {
        "domain": company_domain(row.first(_WEBSITE)),
        "city": row.first(_CITY),
        "phone": row.first(_PHONE),
    }
    return described(EntityKind.ACCOUNT, [record_key(record.record_id)], name, facts)


def _is_company_column(row: _Row) -> bool:
    """``org`` alone is as often a department."""
    return row.has_any(_COMPANY[:-1])


def _named(kind: EntityKind, name: str) -> Iterator[Mention]:
    named = described(kind, (), name)
    if named:
        yield Mention(named, Role.REFERENCE)


def _others(row: _Row, person: Description | None) -> Iterator[Mention]:
    """People behind other addresses and ids: ``owner_email`` with ``owner_name``."""
    known = person.keys if person else frozenset()
    for column, value in row.values.items():
        key = email_key(value) if "@" in value else None
        if key and key not in known:
            base = re.sub(r"_?(?:e_?mail|email_address|address|mail)\Z", "", column)
            name = row.values.get(f"{base}_name", row.values.get(base, "")) if base else ""
            other = described(EntityKind.PERSON, [key], "" if "@" in name else name)
            if other:
                yield Mention(other, Role.REFERENCE)
        elif len(value) in (15, 18) and (found := salesforce_key(value)) and found[1] not in known:
            yield Mention(Description(found[0], frozenset({found[1]})), Role.REFERENCE)


def _snake(column: str) -> str:
    return _NOT_WORD.sub("_", _CAMEL.sub("_", column).lower()).strip("_")
