"""What a Salesforce record is about, and whom and what its lookups and addresses name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from domain.mentions.fields import company_domain, described, text_of
from domain.mentions.keys import case_number_key, email_key, record_key, salesforce_key
from domain.models.entities import Description, EntityKind, Mention, Role
from domain.models.records import JsonValue, Record

_KIND_OF_OBJECT = {
    "Account": EntityKind.ACCOUNT,
    "Contact": EntityKind.PERSON,
    "Lead": EntityKind.PERSON,
    "User": EntityKind.PERSON,
    "Opportunity": EntityKind.OPPORTUNITY,
    "Case": EntityKind.CASE,
    "Product2": EntityKind.PRODUCT,
}
_EMAIL_COLUMN = re.compile(r"(.*?)[._]?(?:email|address)(?:__c)?\Z", re.IGNORECASE)
_ADDRESS_SEPARATORS = re.compile(r"[;,\s]+")
_SENDER = "From"
_OWN_COLUMNS = frozenset(("Id", "CaseNumber"))


def salesforce_mentions(record: Record) -> Iterator[Mention]:
    metadata = record.metadata
    kind = _KIND_OF_OBJECT.get(text_of(metadata, "object"))
    if kind and (subject := _subject(record, kind)):
        yield Mention(subject, Role.SUBJECT)
    addressed: set[str] = set()
    for column, value in metadata.items():
        if isinstance(value, str) and "@" in value:
            yield from _addressed(metadata, column, value, kind, addressed)
    for column, value in metadata.items():
        if isinstance(value, str) and column not in _OWN_COLUMNS and column not in addressed:
            yield from _looked_up(metadata, column, value)


def _subject(record: Record, kind: EntityKind) -> Description | None:
    metadata = record.metadata
    own = salesforce_key(text_of(metadata, "Id"))
    keys = [own[1] if own else record_key(record.record_id)]
    facts = {
        "phone": text_of(metadata, "Phone") or text_of(metadata, "MobilePhone"),
        "city": text_of(metadata, "MailingCity")
        or text_of(metadata, "BillingCity")
        or text_of(metadata, "City"),
    }
    if kind is EntityKind.PERSON:
        email = text_of(metadata, "Email") or text_of(metadata, "Username")
        keys += [key for key in (email_key(email),) if key]
        facts |= {
            "title": text_of(metadata, "Title"),
            "company": _company(metadata),
            "domain": company_domain(email) if "@" in email else "",
        }
    if kind is EntityKind.ACCOUNT:
        facts["domain"] = company_domain(text_of(metadata, "Website"))
    if kind is EntityKind.CASE and (number := text_of(metadata, "CaseNumber")).isdigit():
        keys.append(case_number_key(number))
    name = record.title or ""
    return described(kind, keys, name, facts)


def _company(metadata: Mapping[str, JsonValue]) -> str:
    account = text_of(metadata, "Account") or text_of(metadata, "Account.Name")
    company = text_of(metadata, "Company") or text_of(metadata, "CompanyName")
    return company if not account or salesforce_key(account) else account


def _addressed(
    metadata: Mapping[str, JsonValue],
    column: str,
    value: str,
    kind: EntityKind | None,
    addressed: set[str],
) -> Iterator[Mention]:
    """Who is behind an address in a column of its own, with the lookup and name beside it."""
    match = _EMAIL_COLUMN.match(column)
    if match is None or (kind is EntityKind.PERSON and column in ("Email", "Username")):
        return
    base = match[1]
    addresses = [key for part in _ADDRESS_SEPARATORS.split(value) if (key := email_key(part))]
    keys: list[str] = []
    name = ""
    if len(addresses) == 1:
        name = _name_beside(metadata, base)
        found = salesforce_key(text_of(metadata, f"{base}Id")) if base else None
        if found and found[0] is EntityKind.PERSON:
            keys.append(found[1])
            addressed.add(f"{base}Id")
    for address in addresses:
        person = described(EntityKind.PERSON, [*keys, address], name)
        if person:
            yield Mention(person, Role.AUTHOR if base == _SENDER else Role.REFERENCE)


def _looked_up(metadata: Mapping[str, JsonValue], column: str, value: str) -> Iterator[Mention]:
    found = salesforce_key(value) if len(value) in (15, 18) else None
    if found:
        kind, key = found
        base = column.removesuffix("Id").removesuffix("__c")
        person_or_thing = described(kind, [key], _name_beside(metadata, base))
        if person_or_thing:
            yield Mention(person_or_thing, Role.REFERENCE)


def _name_beside(metadata: Mapping[str, JsonValue], base: str) -> str:
    """The name of what a lookup means: in a column of its own, or as the parser shows it."""
    if not base:
        return ""
    for column in (f"{base}.Name", f"{base}Name", base, f"{base}__r"):
        name = text_of(metadata, column)
        if name and "@" not in name and not salesforce_key(name):
            return name
    return ""
