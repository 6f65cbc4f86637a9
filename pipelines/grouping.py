"""Passages of records that are found together: compose, embed, index, and only then confirm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.models.chunks import EmbeddedChunk
from domain.models.ids import ChunkId, FileId, GroupId, derive_chunk_id
from domain.passages import PassageLimits, compose
from domain.ports.embedder import Embedder
from domain.ports.metadata_store import MetadataStore
from domain.ports.passage_groups import ComposedGroup, StaleGroup
from domain.ports.search_index import IndexWriter

GROUPS_PER_PAGE = 64
"""Composed and embedded in one go; a page is written while the next one is embedded."""

OnGroups = Callable[[int, int], Awaitable[None]]
"""Called with how many groups are written, and of how many."""


async def _silently(done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class GroupPassages:
    """A stale group and its passages as they are to be."""

    group: StaleGroup
    passages: Sequence[EmbeddedChunk]

    def composed(self) -> ComposedGroup:
        return ComposedGroup(self.group.group_id, self.group.revision, len(self.passages))

    def surplus_chunk_ids(self, model: str) -> list[ChunkId]:
        """Passages that the index may hold and the group no longer has."""
        positions = range(len(self.passages), self.group.known_chunks)
        return [derive_chunk_id(self.group.group_id, position, model) for position in positions]


class PassageWriter:
    """Brings passages up to date. Running it again, or twice at once, does no harm."""

    def __init__(
        self,
        metadata: MetadataStore,
        index: IndexWriter,
        embedder: Embedder,
        *,
        limits: PassageLimits,
        embedding: asyncio.Lock | None = None,
    ) -> None:
        self._metadata = metadata
        self._index = index
        self._embedder = embedder
        self._limits = limits
        self._embedding = embedding or asyncio.Lock()

    async def run(self, file_id: FileId, *, on_groups: OnGroups = _silently) -> None:
        """Write the passages of all groups that the file has to see to.

        Groups that others change meanwhile are composed again, until none is left.

        Raises:
            RetryableError: a store gave no answer; call again.
        """
        while total := await self._metadata.groups.count_stale(file_id):
            await self._pass_over(file_id, total, on_groups)

    async def rewrite(self, group_ids: Sequence[GroupId]) -> int:
        """Write these groups' passages, whoever has to see to them; returns how many were written.

        Those that others change meanwhile are left to them.
        """
        written = 0
        for start in range(0, len(group_ids), GROUPS_PER_PAGE):
            some = group_ids[start : start + GROUPS_PER_PAGE]
            page = await self._metadata.reconciliation.groups_of(some)
            written += await self._write(await self._embedded(page))
        return written

    async def _pass_over(self, file_id: FileId, total: int, on_groups: OnGroups) -> None:
        after: GroupId | None = None
        done = 0

        async def write(passages: Sequence[GroupPassages], done: int) -> None:
            await self._write(passages)
            await on_groups(done, max(done, total))

        writing: asyncio.Task[None] | None = None
        try:
            is_last = False
            while not is_last and (page := await self._page(file_id, after)):
                after, is_last = page[-1].group_id, len(page) < GROUPS_PER_PAGE
                embedded = await self._embedded(page)
                if writing:
                    await writing
                done += len(page)
                writing = asyncio.create_task(write(embedded, done))
            if writing:
                await writing
        finally:
            if writing:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _page(self, file_id: FileId, after: GroupId | None) -> Sequence[StaleGroup]:
        return await self._metadata.groups.stale(file_id, after=after, limit=GROUPS_PER_PAGE)

    async def _embedded(self, page: Sequence[StaleGroup]) -> list[GroupPassages]:
        async with self._embedding:
            return await asyncio.to_thread(
                compose_and_embed, page, self._embedder, limits=self._limits
            )

    async def _write(self, page: Sequence[GroupPassages]) -> int:
        """Index first, then confirm; dying in between leaves the groups stale."""
        model = self._embedder.model
        composed = [each.composed() for each in page]
        async with self._metadata.groups.writing(composed, model=model) as unchanged:
            current = [each for each in page if each.group.group_id in unchanged]
            passages = [passage for each in current for passage in each.passages]
            if passages:
                await self._index.upsert(passages)
            surplus = [chunk_id for each in current for chunk_id in each.surplus_chunk_ids(model)]
            if surplus:
                await self._index.delete(surplus)
        return len(current)


def compose_and_embed(
    groups: Sequence[StaleGroup], embedder: Embedder, *, limits: PassageLimits
) -> list[GroupPassages]:
    """Compose the groups and embed all their passages in one call. Blocking."""
    composed = [
        compose(
            group.group_id,
            [stored.record for stored in group.members],
            model=embedder.model,
            limits=limits,
        )
        for group in groups
    ]
    texts = [chunk.embedding_text for chunks in composed for chunk in chunks]
    vectors = iter(embedder.embed(texts) if texts else ())
    found = []
    for group, chunks in zip(groups, composed, strict=True):
        files = {stored.record_id: stored.file_id for stored in group.members}
        passages = [
            EmbeddedChunk(chunk, files[chunk.record.record_id], next(vectors)) for chunk in chunks
        ]
        found.append(GroupPassages(group, passages))
    return found
