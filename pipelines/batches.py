"""Parsed items in batches, read off the event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from domain.models.records import DroppedItem, ParsedItem, Record, RejectedItem

ITEMS_PER_RECORD_WANTED = 8
"""A batch ends after so many items for each record wanted, though most of them were dropped."""


@dataclass(slots=True)
class ParsedBatch:
    """Neighbouring items of a slice. ``bytes_read`` is how much of it they stand for."""

    records: list[Record] = field(default_factory=list)
    tombstones: list[Record] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    rejected: list[RejectedItem] = field(default_factory=list)
    bytes_read: int = 0

    @property
    def to_stage(self) -> list[Record]:
        """What the store is to be told: the records, and after them the tombstones."""
        return self.records + self.tombstones

    @property
    def items_read(self) -> int:
        return len(self.records) + self.dropped.total() + len(self.rejected)

    def add(self, item: ParsedItem) -> None:
        match item:
            case Record():
                self.records.append(item)
            case DroppedItem():
                self.dropped[item.rule] += 1
                if item.tombstone:
                    self.tombstones.append(item.tombstone.as_record(item.place))
            case RejectedItem():
                self.rejected.append(item)
        self.bytes_read += item.place.end - item.place.start


async def batched(items: Iterator[ParsedItem], *, records: int) -> AsyncIterator[ParsedBatch]:
    """Batches of up to ``records`` records, each read in a thread; none is empty."""
    while (batch := await asyncio.to_thread(next_batch, items, records)).items_read:
        yield batch


def next_batch(items: Iterator[ParsedItem], records: int) -> ParsedBatch:
    """The next batch; empty when the items have come to their end."""
    batch = ParsedBatch()
    for item in items:
        batch.add(item)
        if len(batch.records) >= records or batch.items_read >= records * ITEMS_PER_RECORD_WANTED:
            break
    return batch
