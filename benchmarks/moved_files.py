"""Made-up files that are moved: a table and a Slack export, with a code in every record."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.builders import slack_message

WORDS = (Path(__file__).parent / "words.txt").read_text("utf-8").split()
MESSAGES_PER_DAY = 20


def sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def code(number: int) -> str:
    """A word that one record has, and no other."""
    return f"ref{number:06d}"


def codes(chance: random.Random, records: int, count: int) -> list[str]:
    return [code(chance.randrange(records)) for _ in range(count)]


def table_of(rows: int, chance: random.Random) -> bytes:
    lines = ["id,subject,body"]
    lines += [f"{n},{sentence(chance, 4)},{code(n)} {sentence(chance, 25)}" for n in range(rows)]
    return "\n".join(lines).encode()


def days(messages: int, chance: random.Random, *, first: int) -> dict[str, list[dict[str, str]]]:
    """Days of a channel, each with some messages; their codes count from ``first``."""
    found = {}
    for day in range(messages // MESSAGES_PER_DAY):
        begins = 1_500_000_000 + 86_400 * day
        name = time.strftime("general/%Y-%m-%d", time.gmtime(begins))
        found[name] = [
            slack_message(
                f"{code(first + MESSAGES_PER_DAY * day + n)} {sentence(chance, 12)}",
                ts=f"{begins + 60 * n}.0",
            )
            for n in range(MESSAGES_PER_DAY)
        ]
    return found
