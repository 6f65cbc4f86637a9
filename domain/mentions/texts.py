"""Entities that running text names by an address, a link or a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from domain.mentions.keys import (
    case_number_key,
    email_key,
    gong_call_key,
    salesforce_key,
    slack_thread_key,
)
from domain.models.entities import Description, EntityKind, Mention, Role

MAX_PER_TEXT = 200
"""Of each kind; a list of a thousand addresses speaks of nobody."""

# Repetitions are bounded, so that no text takes longer than its length.
_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+'-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,}")
_SALESFORCE = re.compile(
    r"(?:lightning\.force|salesforce|visual\.force|\.force)\.com/(?:[^\s<>()|]{0,500}?/)?"
    r"([A-Za-z0-9]{18}|[A-Za-z0-9]{15})(?![A-Za-z0-9])"
)
_GONG = re.compile(r"gong\.io/call\?(?:[^\s<>()|]{0,500}?&)?id=(\d{5,20})(?!\d)")
_SLACK = re.compile(
    r"slack\.com/archives/([A-Z0-9]{1,50})/p(\d{10})(\d{6})"
    r"(?:\?[^\s<>()|]{0,500}?thread_ts=(\d{10}\.\d{6}))?"
)
_CASE = re.compile(r"\bcase\s{0,9}(?:#|no\.?|number)?\s{0,9}#?(\d{5,10})\b", re.IGNORECASE)


def mentions_in_text(text: str) -> Iterator[Mention]:
    """What the text names by keys, in order of kind. May yield one entity several times."""
    # Asking for a mark first is many times faster than a pattern, and most texts have none.
    if "@" in text:
        yield from _keyed(EntityKind.PERSON, map(email_key, _found(_EMAIL, text)))
    if "force.com/" in text:
        for id in _found(_SALESFORCE, text):
            if found := salesforce_key(id):
                kind, key = found
                yield Mention(Description(kind, frozenset({key})), Role.REFERENCE)
    if "gong.io/call?" in text:
        yield from _keyed(EntityKind.CALL, map(gong_call_key, _found(_GONG, text)))
    if "slack.com/archives/" in text:
        yield from _keyed(EntityKind.THREAD, _threads(text))
    if "ase" in text or "ASE" in text:
        yield from _keyed(EntityKind.CASE, map(case_number_key, _found(_CASE, text)))


def _found(pattern: re.Pattern[str], text: str) -> list[str]:
    return list(dict.fromkeys(pattern.findall(text)))[:MAX_PER_TEXT]


def _threads(text: str) -> Iterator[str]:
    for channel, seconds, fraction, thread_ts in _SLACK.findall(text)[:MAX_PER_TEXT]:
        yield slack_thread_key(channel, thread_ts or f"{seconds}.{fraction}")


def _keyed(kind: EntityKind, keys: Iterator[str] | map[str | None] | map[str]) -> Iterator[Mention]:
    for key in keys:
        if key:
            yield Mention(Description(kind, frozenset({key})), Role.REFERENCE)
