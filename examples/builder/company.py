"""Who is who in the invented company, and the ids that the three systems give them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from pathlib import Path
from typing import Any

STORY = Path(__file__).parent.parent / "story"
COMPANY_DOMAIN = "tarnbeck.example"
SALESFORCE_SITE = "https://tarnbeck.lightning.force.com/lightning/r"
_SUFFIX_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_WINTER_TIME_BEGINS = datetime(2025, 10, 26, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who speaks: an employee, or a customer's contact (then ``account`` is set)."""

    key: str
    name: str
    title: str
    email: str
    account: str | None = None
    has_left: bool = False

    @property
    def slack_id(self) -> str:
        return "U0" + _letters(f"slack {self.email}", 9)

    @property
    def speaker_id(self) -> str:
        return _digits(f"speaker {self.email}", 19)


@dataclass(frozen=True, slots=True)
class Company:
    """All people and CRM objects; ``guests`` are contacts who write in shared channels."""

    employees: dict[str, Person]
    contacts: dict[str, Person]
    guests: dict[str, Person]
    accounts: list[dict[str, Any]]
    opportunities: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    object_ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def speaker(self, key: str) -> Person:
        return self.employees.get(key) or self.guests.get(key) or self.contacts[key]

    def account_name(self, key: str) -> str:
        return next(str(account["name"]) for account in self.accounts if account["key"] == key)


def load_company() -> Company:
    crm = tomllib.loads((STORY / "salesforce.toml").read_text("utf-8"))
    people = tomllib.loads((STORY / "people.toml").read_text("utf-8"))
    contacts = {person.key: person for person in _contacts(crm["accounts"])}
    guests = {guest["key"]: contacts[guest["contact"]] for guest in people["guests"]}
    company = Company(
        employees={row["key"]: _employee(row) for row in people["people"]},
        contacts=contacts,
        guests=guests,
        accounts=crm["accounts"],
        opportunities=crm["opportunities"],
        cases=crm["cases"],
    )
    _give_ids(company)
    return company


def salesforce_id(prefix: str, number: int) -> str:
    """An 18-character Id: key prefix, org, number, and the three letters that check the case."""
    short = f"{prefix}Tb00000{number:05d}"
    return short + "".join(_check_letter(short[at : at + 5]) for at in (0, 5, 10))


def call_id(key: str) -> str:
    return _digits(f"call {key}", 19)


def local_time(text: str) -> datetime:
    """``2025-09-01 10:12`` on the company's wall clock (central European time)."""
    naive = datetime.fromisoformat(text).replace(tzinfo=UTC)
    hours = 1 if naive >= _WINTER_TIME_BEGINS else 2
    return naive.replace(tzinfo=timezone(timedelta(hours=hours)))


def _employee(row: dict[str, Any]) -> Person:
    email = row["name"].lower().replace(" ", ".") + "@" + COMPANY_DOMAIN
    return Person(row["key"], row["name"], row["title"], email, has_left=row.get("left", False))


def _contacts(accounts: list[dict[str, Any]]) -> list[Person]:
    return [
        Person(
            key=f"{first}.{last}".lower(),
            name=f"{first} {last}",
            title=title,
            email=f"{first}.{last}@{account['domain']}".lower(),
            account=account["key"],
        )
        for account in accounts
        for first, last, title in account["contacts"]
    ]


def _give_ids(company: Company) -> None:
    tables: list[tuple[str, str, list[str]]] = [
        ("account", "001", [row["key"] for row in company.accounts]),
        ("contact", "003", list(company.contacts)),
        ("user", "005", list(company.employees)),
        ("opportunity", "006", [row["key"] for row in company.opportunities]),
        ("case", "500", [row["key"] for row in company.cases]),
    ]
    for kind, prefix, keys in tables:
        for number, key in enumerate(keys, start=101):
            company.object_ids[kind, key] = salesforce_id(prefix, number)


def _check_letter(five: str) -> str:
    return _SUFFIX_ALPHABET[sum(1 << at for at, char in enumerate(five) if "A" <= char <= "Z")]


def _digits(seed: str, count: int) -> str:
    number = int.from_bytes(blake2b(seed.encode(), digest_size=16).digest(), "big")
    return "1" + str(number)[: count - 1]


def _letters(seed: str, count: int) -> str:
    digest = blake2b(seed.encode(), digest_size=16).digest()
    return "".join("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"[byte % 34] for byte in digest[:count])
