"""Embedding everything with another model into a second index, and switching to it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from domain.chunking import ChunkLimits
from domain.errors import ConflictError
from domain.models.ids import ChunkId, GroupId, RecordId, chunk_ids
from domain.models.indexes import Holding
from domain.passages import PassageLimits
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.search_index import IndexWriter
from pipelines.embedding import EmbeddedRecord, embed_records
from pipelines.grouping import GroupPassages, compose_and_embed

log = structlog.get_logger(__name__)

RECORDS_PER_PAGE = 256
GROUPS_PER_PAGE = 64
FEW_OWNERS = 200
"""So many records and groups are embedded in a few seconds, for which imports may wait."""

MAX_PASSES = 20
"""After so many, imports bring more than one pass takes in: they wait for the last one."""


class Reindexer:
    """Brings an index up to what the store says, with the model of that index, and switches.

    It passes over everything that the index does not hold yet, until little is left; then it
    holds all writers back, takes in that little, and switches. Queries are answered from the old
    index all the while. Dying anywhere loses at most a page of work. It writes to the new index
    only, and nobody else does.
    """

    def __init__(
        self,
        metadata: MetadataStore,
        index: IndexWriter,
        embedder: Embedder,
        *,
        limits: ChunkLimits,
        few_owners: int = FEW_OWNERS,
    ) -> None:
        self._metadata = metadata
        self._index = index
        self._embedder = embedder
        self._limits = limits
        self._few_owners = few_owners

    async def run(self) -> None:
        """Build the index of the embedder's model to the end; it is in use when this returns.

        Raises:
            ConflictError: the index is not to be built any more, or somebody else builds it.
            RetryableError: a store gave no answer; run again.
        """
        model = self._embedder.model
        async with self._metadata.indexes.building_alone(model) as is_alone:
            if not is_alone:
                raise ConflictError("somebody else builds this index", model=model)
            for _ in range(MAX_PASSES):
                if await self._pass_over() <= self._few_owners:
                    break
            await self._index.optimize()
            async with self._metadata.indexes.switching(model):
                await self._pass_over()
        log.info("index_switched", model=model)

    async def _pass_over(self) -> int:
        """Take in what is missing as the store is now; returns how much that was."""
        taken = await self._remove_leftovers()
        taken += await self._take_records()
        taken += await self._take_groups()
        log.info("index_passed_over", model=self._embedder.model, taken=taken)
        return taken

    async def _take_records(self) -> int:
        model, after, taken = self._embedder.model, None, 0
        contents = self._metadata.contents
        while page := await contents.outdated_records(model, after=after, limit=RECORDS_PER_PAGE):
            after = RecordId(page[-1].stored.record_id)
            embedded = await asyncio.to_thread(embed_records, page, self._embedder, self._limits)
            await self._write_records(embedded)
            taken += len(page)
        return taken

    async def _take_groups(self) -> int:
        model, after, taken = self._embedder.model, None, 0
        contents, limits = self._metadata.contents, PassageLimits.within(self._limits)
        while page := await contents.outdated_groups(model, after=after, limit=GROUPS_PER_PAGE):
            after = GroupId(page[-1].group_id)
            composed = await asyncio.to_thread(
                compose_and_embed, page, self._embedder, limits=limits
            )
            await self._write_groups(composed)
            taken += len(page)
        return taken

    async def _write_records(self, page: Sequence[EmbeddedRecord]) -> None:
        model, contents = self._embedder.model, self._metadata.contents
        holdings = [one.holding() for one in page]
        await contents.announce(model, holdings)
        if chunks := [chunk for one in page for chunk in one.chunks]:
            await self._index.upsert(chunks)
        await self._delete([chunk for one in page for chunk in one.surplus_chunk_ids(model)])
        await contents.hold(model, holdings)

    async def _write_groups(self, page: Sequence[GroupPassages]) -> None:
        model, contents = self._embedder.model, self._metadata.contents
        holdings = [
            Holding(one.group.group_id, str(one.group.revision), len(one.passages)) for one in page
        ]
        await contents.announce(model, holdings)
        if passages := [passage for one in page for passage in one.passages]:
            await self._index.upsert(passages)
        await self._delete([chunk for one in page for chunk in one.surplus_chunk_ids(model)])
        await contents.hold(model, holdings)

    async def _remove_leftovers(self) -> int:
        """What the index holds of records and groups that are gone."""
        model, contents, removed = self._embedder.model, self._metadata.contents, 0
        while left := await contents.leftovers(model, limit=RECORDS_PER_PAGE):
            await self._delete(
                [chunk for one in left for chunk in chunk_ids(one.owner_id, one.chunk_count, model)]
            )
            await contents.forget(model, [one.owner_id for one in left])
            removed += len(left)
        return removed

    async def _delete(self, chunks: Sequence[ChunkId]) -> None:
        if chunks:
            await self._index.delete(chunks)
