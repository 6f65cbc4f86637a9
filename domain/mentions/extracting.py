"""The way in: every entity that a record speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from types import MappingProxyType

from domain.mentions.generic import generic_mentions
from domain.mentions.gong import gong_mentions
from domain.mentions.names import KnownNames, known_name, names_in
from domain.mentions.salesforce import salesforce_mentions
from domain.mentions.slack import slack_mentions
from domain.mentions.texts import mentions_in_text
from domain.models.entities import EntityKind, Mention
from domain.models.records import ContentType, Record
from domain.parsers.members import PACKERS

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
"""What a parser leaves in the metadata, by the parser's name."""

_MARKS = (
    ("slack", {"channel_id", "channel_type"}),
    ("gong", {"call_id", "participants"}),
    ("gong", {"call_id", "speakers"}),
    ("salesforce", {"object", "Id"}),
)
"""Entries that only a parser's records have together."""


def mentions_of(
    record: Record, parser: str, known_names: KnownNames = MappingProxyType({})
) -> tuple[Mention, ...]:
    """Each entity once for each role that it has; pure, so the same record gives the same.

    ``parser`` is the ``name/version`` that read the record; ``known_names`` those of others that
    its text may have. Of what a source's fields name with more, its text names nothing again.
    Tombstones speak of nobody.
    """
    if record.content_type is ContentType.TOMBSTONE:
        return ()
    by_fields = _distinct(_with_short_keys(_reader_of(record, parser)(record)))
    known = {key for mention in by_fields for key in mention.described.keys}
    by_text = (
        mention
        for mention in _with_short_keys(mentions_in_text(record.content[:MAX_TEXT_CHARS]))
        if mention.described.keys.isdisjoint(known)
    )
    by_name = names_in(record.content, _not_told(record, by_fields, known_names))
    return _distinct((*by_fields, *by_text, *by_name))[:MAX_MENTIONS]


def _reader_of(record: Record, parser: str) -> Callable[[Record], Iterator[Mention]]:
    """By the record's parser: in a table a column may be called as another's entry.

    Of what was unpacked the parser is the unpacker; its source is its own parser's name, unless
    it was given another.
    """
    name = parser.partition("/")[0]
    if name in PACKERS:
        name = record.source_type
        if name not in _BY_METADATA:
            name = next((form for form, marks in _MARKS if marks <= record.metadata.keys()), "")
    return _BY_METADATA.get(name, generic_mentions)


def _not_told(record: Record, by_fields: Sequence[Mention], known: KnownNames) -> KnownNames:
    """Those whom no field calls so: a transcript's text has its speakers' names, for one."""
    told = set(_told(record, by_fields)) if known else set()
    left = {name: [kind for kind in known[name] if (kind, name) not in told] for name in known}
    return {name: kinds for name, kinds in left.items() if kinds}


def _told(record: Record, by_fields: Sequence[Mention]) -> Iterator[tuple[EntityKind, str | None]]:
    """The names that the record's fields give, and of what kind each is."""
    names = [(one.described.kind, one.described.name or "") for one in by_fields]
    for value in record.metadata.values():
        if isinstance(value, list):
            names += [(EntityKind.PERSON, item) for item in value if isinstance(item, str)]
    for kind, name in names:
        yield kind, known_name(kind, name)


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
