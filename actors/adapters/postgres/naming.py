"""Which name a record shows for a key: the rule, without the database.

A name is as visible as the record that publishes it: a record shows it only if everybody who may
see the record may see the publisher. Of several names that it may show, it shows the one of the
greatest version, and of equal ones that of the smallest record id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from actors.adapters.postgres.record_rows import Shown, source_id_of
from actors.adapters.postgres.staging import Copy
from domain.models.ids import RecordId
from domain.models.records import PUBLIC, Record
from domain.references import references_of, resolved

MAX_VERSION_CHARS = 255

Visibility = tuple[str, ...]
Wanted = tuple[str, Visibility]
"""A key, and who may see the record that wants its name."""


@dataclass(frozen=True, slots=True)
class Name:
    """What one record calls the thing behind a key."""

    key: str
    record_id: RecordId
    name: str
    version: str
    visibility: Visibility

    def may_be_shown_to(self, readers: Visibility) -> bool:
        return PUBLIC in self.visibility or set(readers) <= set(self.visibility)


def key_of(key: str) -> str:
    """The key as the store has it."""
    return source_id_of(key)


def published_names(copy: Copy) -> list[Name]:
    """What the record calls things, blank names left out."""
    record = copy.record
    version = record.version[:MAX_VERSION_CHARS]
    names = {key_of(key): name for key, name in record.names.items() if name.strip()}
    return [
        Name(key, copy.record_id, name, version, record.visibility) for key, name in names.items()
    ]


def best(names: Iterable[Name]) -> Name | None:
    """The one to show, of names that may be shown."""
    by_age = sorted(names, key=lambda name: name.record_id)
    return max(by_age, key=lambda name: name.version, default=None)


def shown_as(
    record_id: RecordId, template: Record, source_hash: str, names: Mapping[str, str | None]
) -> Shown:
    """The record with its references replaced; ``names`` are by the store's keys."""
    keys = {key: key_of(key) for key in references_of(template)}
    found = {key: names.get(kept) for key, kept in keys.items()}
    record = resolved(template, {key: name for key, name in found.items() if name is not None})
    return Shown(
        record_id=record_id,
        record=record,
        content_hash=record.content_hash(),
        template=template,
        source_hash=source_hash,
        names={keys[key]: name for key, name in found.items()},
    )


@dataclass(slots=True)
class BatchNames:
    """What the written records of a batch want to show, and what they publish themselves."""

    wanted: dict[RecordId, set[str]] = field(default_factory=dict)
    published: dict[str, list[Name]] = field(default_factory=dict)

    @classmethod
    def of(cls, copies: Iterable[Copy]) -> BatchNames:
        batch = cls()
        for copy in copies:
            if keys := references_of(copy.record):
                batch.wanted[copy.record_id] = {key_of(key) for key in keys}
            if copy.record.names:
                for name in published_names(copy):
                    batch.published.setdefault(name.key, []).append(name)
        return batch

    def best(self, readers: Visibility, stored: Mapping[Wanted, Name], key: str) -> str | None:
        """The name to show, of the batch's own and of those stored by others."""
        names = [n for n in self.published.get(key, ()) if n.may_be_shown_to(readers)]
        others = stored.get((key, readers))
        found = best([*names, others] if others else names)
        return found.name if found else None
