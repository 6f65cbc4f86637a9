"""The one writer of the search index: many callers, one commit for all who wait."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
import structlog

from actors.bootstrap import (
    drop_index,
    ensure_active_index,
    open_breakers,
    open_index,
    open_metadata,
)
from actors.breaker_hub import start_gossip
from actors.guarded import guard_index_writes
from actors.logging import configure_logging
from actors.namespace import NAMESPACE, ON_FIRST_NODE
from actors.opened_once import OpenedOnce
from actors.settings import Settings
from domain.errors import HeadraceError, IndexUnavailableError
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.indexes import IndexPlace
from domain.ports.metadata_store import MetadataStore
from domain.ports.search_index import IndexWriter, SearchIndex

log = structlog.get_logger(__name__)

ACTOR_NAME = "index_writer"
IDLE_SECONDS_BEFORE_OPTIMIZE = 3.0
FRESH_CHUNKS_BEFORE_OPTIMIZE = 4_000
FRESH_COMMITS_BEFORE_OPTIMIZE = 200
"""Each commit leaves a fragment that every later merge has to visit."""
FRESH_SHARE_BEFORE_OPTIMIZE = 8
"""Folding in costs more the more there is: a long import waits for an eighth of all it wrote."""


@dataclass(slots=True)
class _Waiting:
    chunks: Sequence[EmbeddedChunk]
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class GroupCommitWriter:
    """Serialises writes; upserts that wait at the same time become one commit.

    A commit costs tens of milliseconds however few chunks it holds, so files imported side by
    side share it. If a shared commit fails, each is tried by itself.
    """

    def __init__(self, index: IndexWriter) -> None:
        self._index = index
        self._waiting: list[_Waiting] = []
        self._lock = asyncio.Lock()
        self._fresh_chunks = 0
        self._fresh_commits = 0
        self._all_chunks = 0
        self._written = asyncio.Event()

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        """As ``IndexWriter.upsert``; returns once the chunks are durable."""
        waiting = _Waiting(chunks)
        self._waiting.append(waiting)
        async with self._lock:
            if not waiting.done.done():
                await self._commit_all()
        await waiting.done

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        async with self._lock:
            await self._index.delete(chunk_ids)
        self._note_written(len(chunk_ids))

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        async with self._lock:
            await self._index.reassign(record_ids, file_id)
        self._note_written(len(record_ids))

    async def optimize(self) -> None:
        async with self._lock:
            self._fresh_chunks = self._fresh_commits = 0
            await self._index.optimize()

    async def maintain(self) -> None:
        """Optimise whenever writing pauses, or enough has come; runs until cancelled."""
        while True:
            await self._written.wait()
            self._written.clear()
            if not self._has_enough_to_fold_in() and await self._still_writing():
                continue
            try:
                await self.optimize()
            except HeadraceError as error:
                log.warning("index_optimize_failed", error=error.message)

    def _has_enough_to_fold_in(self) -> bool:
        enough = max(FRESH_CHUNKS_BEFORE_OPTIMIZE, self._all_chunks // FRESH_SHARE_BEFORE_OPTIMIZE)
        return self._fresh_chunks >= enough or self._fresh_commits >= FRESH_COMMITS_BEFORE_OPTIMIZE

    async def _still_writing(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._written.wait(), IDLE_SECONDS_BEFORE_OPTIMIZE)
            return True
        return False

    async def _commit_all(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await self._commit(batch)
        except asyncio.CancelledError:
            # The caller that committed for all was cancelled; the others may try again.
            for waiting in batch:
                if not waiting.done.done():
                    waiting.done.set_exception(IndexUnavailableError("the write was interrupted"))
            raise

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        """One commit for all; if it fails, one for each, so that only the guilty one fails."""
        try:
            await self._index.upsert([chunk for waiting in batch for chunk in waiting.chunks])
        except Exception as error:
            if len(batch) == 1:
                batch[0].done.set_exception(error)
                return
            for waiting in batch:
                await self._commit([waiting])
            return
        for waiting in batch:
            waiting.done.set_result(None)
        self._note_written(sum(len(waiting.chunks) for waiting in batch))

    def _note_written(self, chunks: int) -> None:
        self._fresh_chunks += chunks
        self._fresh_commits += 1
        self._all_chunks += chunks
        self._written.set()


@dataclass(frozen=True, slots=True)
class _OpenWriter:
    index: SearchIndex
    writer: GroupCommitWriter
    maintenance: asyncio.Task[None]

    async def close(self) -> None:
        self.maintenance.cancel()
        await asyncio.gather(self.maintenance, return_exceptions=True)
        await self.index.close()


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_restarts=-1, max_task_retries=0)
class IndexWriterActor:
    """Holds the only index objects of the cluster that write.

    Without a ``place`` it writes to the active index. Who calls keeps that from being switched
    meanwhile (``domain.ports.search_indexes``).
    """

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        os.nice(5)
        self._settings = settings
        self._breakers = open_breakers(settings)
        self._metadata = OpenedOnce(self._open_metadata)
        self._writers: dict[str, OpenedOnce[_OpenWriter]] = {}

    async def _open_metadata(self) -> MetadataStore:
        self._gossip = start_gossip(self._breakers)
        return await open_metadata(self._settings, self._breakers)

    async def _writer(self, place: IndexPlace | None) -> GroupCommitWriter:
        chosen = place or await ensure_active_index(self._settings, await self._metadata.get())
        opened = self._writers.setdefault(chosen.location, OpenedOnce(lambda: self._open(chosen)))
        return (await opened.get()).writer

    async def _open(self, place: IndexPlace) -> _OpenWriter:
        index = await open_index(self._settings, dimension=place.dimension, location=place.location)
        writer = GroupCommitWriter(guard_index_writes(index, self._breakers))
        return _OpenWriter(index, writer, asyncio.create_task(writer.maintain()))

    async def upsert(
        self, chunks: Sequence[EmbeddedChunk], *, place: IndexPlace | None = None
    ) -> None:
        await (await self._writer(place)).upsert(chunks)

    async def delete(
        self, chunk_ids: Sequence[ChunkId], *, place: IndexPlace | None = None
    ) -> None:
        await (await self._writer(place)).delete(chunk_ids)

    async def reassign(
        self, record_ids: Sequence[RecordId], file_id: FileId, *, place: IndexPlace | None = None
    ) -> None:
        await (await self._writer(place)).reassign(record_ids, file_id)

    async def optimize(self, *, place: IndexPlace | None = None) -> None:
        await (await self._writer(place)).optimize()

    async def remove(self, place: IndexPlace) -> None:
        """Close an index that nobody writes to any more, and take it away."""
        if opened := self._writers.pop(place.location, None):
            await (await opened.get()).close()
        await drop_index(self._settings, place.location)

    async def ping(self) -> int:
        """Process id, as proof that the index is open."""
        await self._writer(None)
        return os.getpid()


class ActorIndexWriter:
    """``IndexWriter`` in any process: hands the work to the index writer actor.

    It writes to ``place``, or else to the index that is active when it is called.
    """

    def __init__(self, place: IndexPlace | None = None) -> None:
        self._place = place
        self._actor: Any = None

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await self._call(lambda actor: actor.upsert.remote(chunks, place=self._place))

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        await self._call(lambda actor: actor.delete.remote(chunk_ids, place=self._place))

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        await self._call(
            lambda actor: actor.reassign.remote(record_ids, file_id, place=self._place)
        )

    async def optimize(self) -> None:
        await self._call(lambda actor: actor.optimize.remote(place=self._place))

    async def remove(self, place: IndexPlace) -> None:
        """Take away an index that nobody uses."""
        await self._call(lambda actor: actor.remove.remote(place))

    async def _call(self, method: Callable[[Any], Awaitable[None]]) -> None:
        try:
            self._actor = self._actor or ray.get_actor(ACTOR_NAME, namespace=NAMESPACE)
            await method(self._actor)
        except (ray.exceptions.RayActorError, ValueError) as error:
            self._actor = None
            raise IndexUnavailableError("the index writer is restarting") from error
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from error
