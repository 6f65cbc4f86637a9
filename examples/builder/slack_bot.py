"""What the monitoring bot posts: new cases, daily digests and nightly rig runs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from examples.builder.company import SALESFORCE_SITE, Company, local_time

BOT_ID = "B0TARNVIEW"
_FIRST_DAY, _LAST_DAY = date(2025, 8, 4), date(2025, 10, 31)


@dataclass(frozen=True, slots=True)
class BotPost:
    when: datetime
    text: str
    attachments: list[dict[str, Any]] = field(default_factory=list)


def bot_posts(channel: str, company: Company) -> Iterator[BotPost]:
    """The bot's posts in one channel; it is silent in most."""
    if channel == "support":
        yield from _new_cases(company)
        yield from _digests()
    if channel == "firmware":
        yield from _rig_runs()


def _new_cases(company: Company) -> Iterator[BotPost]:
    """Posts without text: everything is in the attachment, as integrations like it."""
    for row in company.cases:
        case_id = company.object_ids["case", row["key"]]
        contact = company.contacts[row["contact"]]
        fields = [
            {"title": "Account", "value": company.account_name(row["account"]), "short": True},
            {"title": "Contact", "value": contact.name, "short": True},
            {"title": "Priority", "value": row["priority"], "short": True},
        ]
        attachment = {
            "title": f"Case {row['number']:08d}: {row['subject']}",
            "title_link": f"{SALESFORCE_SITE}/Case/{case_id}/view",
            "fallback": f"Case {row['number']:08d}: {row['subject']}",
            "fields": fields,
        }
        yield BotPost(local_time(row["created"].replace("T", " ")), "", [attachment])


def _digests() -> Iterator[BotPost]:
    chance = random.Random("digest")
    for day in _working_days():
        devices = 3_300 + (day - _FIRST_DAY).days * 4 + chance.randrange(9)
        online = 100 - chance.randrange(1, 40) / 100
        node = f"{chance.choice(['7', '12', '40'])}-{chance.randrange(10, 999):04d}"
        parts = [
            f"Daily digest: {devices:,} devices, {online:.2f} % online.",
            f"{chance.randrange(2, 31)} alarms, {chance.randrange(0, 4)} of them still open.",
            f"Longest silence: {node}, {chance.randrange(12, 190)} minutes.",
        ]
        yield BotPost(local_time(f"{day} 07:00"), " ".join(parts))


def _rig_runs() -> Iterator[BotPost]:
    chance = random.Random("rig")
    for day in _working_days():
        probes, cycles = chance.choice([16, 24, 32]), chance.randrange(6, 10)
        worst = chance.randrange(3, 9) / 10
        result = "passed" if worst < 0.8 else "needs a look"
        text = (
            f"Rig run of last night {result}: {probes} probes, {cycles} cycles, "
            f"worst error {worst} points at {chance.randrange(20, 80)} °C."
        )
        yield BotPost(local_time(f"{day} 06:30"), text)


def _working_days() -> Iterator[date]:
    day = _FIRST_DAY
    while day <= _LAST_DAY:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)
