"""The ledger: what became of every item that was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of one record that the parser kept."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    OLDER_VERSION = "older_version"
    DELETED = "deleted"
    """Of a tombstone; the ledger counts its item among the parsers' drops."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """``read = indexed + unchanged + sum(dropped) + failed``, per slice and per file.

    ``dropped`` counts by rule: the parsers' rules, ``duplicate`` (the same record again in the
    same file) and ``older_version`` (a newer copy is stored already).
    """

    read: int = 0
    indexed: int = 0
    unchanged: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0

    @property
    def balances(self) -> bool:
        accounted = self.indexed + self.unchanged + sum(self.dropped.values()) + self.failed
        return self.read == accounted

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(
            read=self.read + other.read,
            indexed=self.indexed + other.indexed,
            unchanged=self.unchanged + other.unchanged,
            dropped=dict(Counter(self.dropped) + Counter(other.dropped)),
            failed=self.failed + other.failed,
        )

    def to_json(self) -> dict[str, Any]:
        """The shape that the CLI and REST show."""
        return {
            "read": self.read,
            "indexed": self.indexed,
            "unchanged": self.unchanged,
            "dropped": dict(sorted(self.dropped.items())),
            "failed": self.failed,
        }


def ledger_of(
    outcomes: Iterable[Outcome], *, dropped: Mapping[str, int], failed: int = 0
) -> Ledger:
    """Count outcomes of kept records, rules of dropped items and failures into a ledger."""
    counts = Counter(outcomes)
    by_rule = Counter(dropped)
    for outcome in (Outcome.DUPLICATE, Outcome.OLDER_VERSION):
        if counts[outcome]:
            by_rule[outcome.value] += counts[outcome]
    return Ledger(
        read=counts.total() + sum(dropped.values()) + failed,
        indexed=counts[Outcome.INDEXED],
        unchanged=counts[Outcome.UNCHANGED],
        dropped=dict(by_rule),
        failed=failed,
    )
