"""How far a slice is, shown as it goes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from domain.models.files import Claim, Slice
from domain.ports.metadata_store import MetadataStore
from pipelines.batches import ParsedBatch

SHOWN_EVERY_SECONDS = 0.5
"""A small slice is complete before anybody has looked."""

GROUPED_SHARE = 0.9
"""Of the work that a record in a group makes, what its passages take."""


@dataclass(slots=True)
class SliceProgress:
    """What is staged, and what the index has; a record in a group counts as little until its
    passages are written."""

    metadata: MetadataStore
    claim: Claim
    part: Slice
    records_staged: int = 0
    records_done: float = 0.0
    bytes_done: float = 0.0
    records_left: float = 0.0
    bytes_left: float = 0.0
    shown_at: float = field(default_factory=time.monotonic)

    async def staged(self, batch: ParsedBatch) -> None:
        self.records_staged += len(batch.records)
        await self.metadata.slices.staged(
            self.claim, self.part.number, records_staged=self.records_staged
        )

    async def indexed(self, batch: ParsedBatch) -> None:
        grouped = sum(record.group is not None for record in batch.records)
        left = GROUPED_SHARE * grouped / max(1, len(batch.records))
        self.records_done += len(batch.records) - GROUPED_SHARE * grouped
        self.records_left += GROUPED_SHARE * grouped
        self.bytes_done += batch.bytes_read * (1 - left)
        self.bytes_left += batch.bytes_read * left
        await self._show(0.0)

    async def grouped(self, done: int, total: int) -> None:
        await self._show(done / total)

    async def _show(self, share: float) -> None:
        now = time.monotonic()
        if now - self.shown_at < SHOWN_EVERY_SECONDS:
            return
        self.shown_at = now
        await self.metadata.slices.progress(
            self.claim,
            self.part.number,
            records_done=round(self.records_done + share * self.records_left),
            bytes_done=round(self.bytes_done + share * self.bytes_left),
        )
