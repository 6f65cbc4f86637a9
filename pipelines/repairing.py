"""Making the stores agree again, as far as that is safe. Each repair may run twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from domain.chunking import ChunkLimits
from domain.models.ids import ChunkId, FileId, GroupId, ObjectKey, RecordId
from domain.models.indexes import ChunkOwner, Orphan
from domain.passages import PassageLimits
from domain.ports.clock import Clock
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import IndexWriter, SearchIndex
from pipelines.embedding import EmbeddedRecord, embed_records
from pipelines.grouping import PassageWriter
from pipelines.renaming import Renamer
from pipelines.verifying import MAX_PROBLEMS, Findings, chunks_of_owners, survey

log = structlog.get_logger(__name__)

RECORDS_PER_PAGE = 256
CHUNK, OBJECT = "chunk", "object"
NO_FILE = FileId(UUID(int=0))


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was repaired, by kind, and what is left.

    ``waiting`` counts orphans that are removed once they have been orphans for long enough;
    ``problems`` names them, too.
    """

    repaired: Mapping[str, int]
    waiting: Mapping[str, int]
    problems: Sequence[str]


@dataclass(frozen=True, slots=True)
class RepairStores:
    """What is compared and mended. ``index`` is read, ``writer`` is written to."""

    metadata: MetadataStore
    objects: ObjectStore
    index: SearchIndex
    writer: IndexWriter


class Repairer:
    """Repairs what ``verify`` finds, while imports and queries go on.

    It mends only what nobody has in hand, and under the same locks as imports. Dying anywhere
    leaves what was mended mended; the next run goes on. Orphans are removed once they have been
    seen as such in two runs that are at least ``grace`` apart.
    """

    def __init__(
        self,
        stores: RepairStores,
        embedder: Embedder,
        *,
        limits: ChunkLimits,
        grace: timedelta,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._metadata = stores.metadata
        self._embedder = embedder
        self._limits = limits
        self._grace = grace
        self._clock = clock
        self._repaired: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._passages = PassageWriter(
            stores.metadata, stores.writer, embedder, limits=PassageLimits.within(limits)
        )

    async def run(self) -> RepairReport:
        """Repair what can be, and look again.

        Raises:
            IndexSwitchedError: another model is in use by now.
            RetryableError: a store gave no answer; run again.
        """
        await self._mend_rows()
        findings = await survey(*self._compared())
        await self._mend_chunks(findings)
        await self._remove_orphan_chunks(findings.orphan_chunks)
        await self._remove_orphan_objects(findings.orphan_objects)
        if self._repaired:
            await self._metadata.events.bump_generation()
            findings = await survey(*self._compared())
        log.info("stores_repaired", **self._repaired, problems=len(findings.sentences()))
        return RepairReport(
            repaired=dict(self._repaired),
            waiting=dict(self._waiting),
            problems=findings.sentences()[:MAX_PROBLEMS],
        )

    def _compared(self) -> tuple[MetadataStore, SearchIndex, ObjectStore]:
        return self._stores.metadata, self._stores.index, self._stores.objects

    async def _mend_rows(self) -> None:
        """What the metadata store knows of itself: names, passages, records never confirmed."""
        reconciliation = self._metadata.reconciliation
        for file_id in await reconciliation.files_with_stale_names():
            await self._renamer().run(file_id)
            self._repaired["files_renamed"] += 1
        for file_id in await reconciliation.files_with_stale_groups():
            await self._passages.run(file_id)
            self._repaired["files_regrouped"] += 1
        if await self._metadata.linking.contradictions():
            await self._metadata.linking.start_over()
            self._repaired["entities_started_over"] += 1
        elif taken_up := await self._metadata.linking.take_up_again():
            self._repaired["linked_again"] += taken_up
        await self._rewrite_groups(await reconciliation.memberless_groups())
        await self._rewrite_groups(await reconciliation.groups_embedded_otherwise())
        await self._embed(await reconciliation.unconfirmed_at_rest())
        await self._embed(await reconciliation.embedded_otherwise())

    def _renamer(self) -> Renamer:
        return Renamer(
            self._metadata.names,
            self._stores.writer,
            self._embed_texts,
            model=self._embedder.model,
            limits=self._limits,
        )

    async def _embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await asyncio.to_thread(self._embedder.embed, texts)

    async def _mend_chunks(self, findings: Findings) -> None:
        """Write again what is missing; of what is there twice remove all, then write one."""
        repeated = [chunk for chunk in findings.repeated if chunk in findings.owner_of]
        if repeated:
            await self._stores.writer.delete(repeated)
        owners = [*findings.missing.values(), *findings.owner_of.values()]
        await self._embed(_records_among(owners))
        await self._rewrite_groups(_groups_among(owners))

    async def _rewrite_groups(self, group_ids: Sequence[GroupId]) -> None:
        if written := await self._passages.rewrite(group_ids):
            self._repaired["groups_written"] += written

    async def _embed(self, record_ids: Sequence[RecordId]) -> None:
        for start in range(0, len(record_ids), RECORDS_PER_PAGE):
            some = record_ids[start : start + RECORDS_PER_PAGE]
            page = await self._metadata.reconciliation.records_of(some)
            embedded = await asyncio.to_thread(embed_records, page, self._embedder, self._limits)
            if written := await self._write(embedded):
                self._repaired["records_embedded"] += written

    async def _write(self, embedded: Sequence[EmbeddedRecord]) -> int:
        """Index first, then confirm; what others have changed meanwhile is left to them."""
        model, writer = self._embedder.model, self._stores.writer
        indexed = [one.indexed() for one in embedded]
        async with self._metadata.reconciliation.mending(indexed, model=model) as current:
            mended = [one for one in embedded if one.outdated.stored.record_id in current]
            chunks = [chunk for one in mended for chunk in one.chunks]
            if chunks:
                await writer.upsert(chunks)
            surplus = [chunk for one in mended for chunk in one.surplus_chunk_ids(model)]
            if surplus:
                await writer.delete(surplus)
        return len(mended)

    async def _remove_orphan_chunks(self, orphans: Sequence[ChunkId]) -> None:
        """Nobody writes while it is asked once more whose they are: ids come again."""
        ripe = {ChunkId(UUID(key)) for key in await self._ripe(CHUNK, map(str, orphans))}
        if not ripe:
            return
        async with self._metadata.indexes.holding_still():
            _, possible = await chunks_of_owners(self._metadata)
            removed = sorted(ripe - possible)
            if removed:
                await self._stores.writer.delete(removed)
                self._repaired["orphan_chunks_removed"] += len(removed)

    async def _remove_orphan_objects(self, orphans: Sequence[ObjectKey]) -> None:
        for key in await self._ripe(OBJECT, orphans):
            object_key = ObjectKey(key)
            async with self._metadata.files.reclaiming(object_key, besides=NO_FILE) as is_unused:
                if is_unused and await self._stores.objects.delete(object_key):
                    self._repaired["orphan_objects_removed"] += 1

    async def _ripe(self, kind: str, keys: Iterable[str]) -> Collection[str]:
        """Of the orphans those that were seen at least the grace period ago."""
        now = self._clock.now()
        seen = await self._metadata.reconciliation.note_orphans(kind, list(keys), now=now)
        ripe = [orphan.key for orphan in seen if _is_ripe(orphan, now, self._grace)]
        if waiting := len(seen) - len(ripe):
            self._waiting[kind] = waiting
        return ripe


def _is_ripe(orphan: Orphan, now: datetime, grace: timedelta) -> bool:
    """Never in the run that saw it first."""
    return orphan.first_seen < now and orphan.first_seen <= now - grace


def _records_among(owners: Iterable[ChunkOwner]) -> list[RecordId]:
    return sorted({RecordId(owner.owner_id) for owner in owners if not owner.is_group})


def _groups_among(owners: Iterable[ChunkOwner]) -> list[GroupId]:
    return sorted({GroupId(owner.owner_id) for owner in owners if owner.is_group})
