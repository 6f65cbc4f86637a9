"""The way in: every entity that a record speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from domain.mentions.generic import generic_mentions
from domain.mentions.gong import gong_mentions
from domain.mentions.salesforce import salesforce_mentions
from domain.mentions.slack import slack_mentions
from domain.mentions.texts import mentions_in_text
from domain.models.entities import Mention
from domain.models.records import ContentType, Record

MAX_TEXT_CHARS = 200_000
"""Of a record's text so much is looked through."""

MAX_MENTIONS = 500

MAX_KEY_CHARS = 500
"""What is longer is no id but a text in an id's place, and too long for an index over keys."""

_BY_METADATA: dict[str, Callable[[Record], Iterator[Mention]]] = {
    "slack": slack_mentions,
    "gong": gong_mentions,
    "salesforce": salesforce_mentions,
}
"""What a parser leaves in the metadata, by the entry that only its records have."""

_MARKS = {"channel_id": "slack", "call_id": "gong", "object": "salesforce"}


def mentions_of(record: Record) -> tuple[Mention, ...]:
    """Each entity once for each role that it has; pure, so the same record gives the same.

    Of what a source's fields name with more, its text names nothing again. Tombstones speak of
    nobody.
    """
    if record.content_type is ContentType.TOMBSTONE:
        return ()
    by_fields = _distinct(_with_short_keys(_reader_of(record)(record)))
    known = {key for mention in by_fields for key in mention.described.keys}
    by_text = (
        mention
        for mention in _with_short_keys(mentions_in_text(record.content[:MAX_TEXT_CHARS]))
        if mention.described.keys.isdisjoint(known)
    )
    return _distinct((*by_fields, *by_text))[:MAX_MENTIONS]


def _reader_of(record: Record) -> Callable[[Record], Iterator[Mention]]:
    """By the record's source; by its metadata where the source has a name of its own."""
    if record.source_type in _BY_METADATA:
        return _BY_METADATA[record.source_type]
    found = next((form for mark, form in _MARKS.items() if mark in record.metadata), None)
    return _BY_METADATA[found] if found else generic_mentions


def _with_short_keys(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """Without keys that are too long, and without whom nothing is known but these."""
    for mention in mentions:
        described = mention.described
        keys = frozenset(key for key in described.keys if len(key) <= MAX_KEY_CHARS)
        if keys == described.keys:
            yield mention
        elif keys or described.name:
            yield replace(mention, described=replace(described, keys=keys))


def _distinct(mentions: Iterable[Mention]) -> tuple[Mention, ...]:
    """In order, each once; a keyed entity that is named more fully elsewhere only there."""
    kept: list[Mention] = []
    seen: set[tuple[object, ...]] = set()
    for mention in mentions:
        described = mention.described
        identity = (
            described.kind,
            described.keys,
            described.name,
            tuple(sorted(described.facts.items())),
            mention.role,
        )
        if identity not in seen:
            seen.add(identity)
            kept.append(mention)
    return tuple(one for one in kept if not _is_told_better(one, kept))


def _is_told_better(mention: Mention, others: Iterable[Mention]) -> bool:
    """Whether another mention in the same role says all that this one does, and more."""
    mine = mention.described
    if not mine.keys or mine.facts:
        return False
    return any(
        other.role is mention.role
        and other.described.kind is mine.kind
        and mine.keys <= other.described.keys
        and mine.name in (None, other.described.name)
        and other.described != mine
        for other in others
    )
