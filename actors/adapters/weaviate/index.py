"""The search index of the cluster profile: one collection in Weaviate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Self, TypeVar
from uuid import UUID

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.query import Filter, MetadataQuery, Sort
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInsertManyAllFailedError

from actors.adapters.english import query_words_of
from actors.adapters.weaviate.calls import Calls
from actors.adapters.weaviate.collection import K1, Opened, open_collection
from actors.adapters.weaviate.connection import connect
from actors.adapters.weaviate.errors import gone, refusal, translated
from actors.adapters.weaviate.filters import filter_of, finds_nothing, looked_at, satisfying
from actors.adapters.weaviate.objects import (
    SHOWN,
    Object,
    batches,
    seconds_of,
    to_kept,
    to_matches,
    to_nearest,
    to_objects,
)
from actors.adapters.weaviate.resending import Refused, send_all
from actors.adapters.weaviate.vectors import vectors_of
from actors.store_settings import WeaviateSettings
from domain.errors import DimensionMismatchError, IndexUnavailableError
from domain.models.chunks import EmbeddedChunk, Embedding
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import KeptChunk, Match, SearchFilter, Within, scored_as

IDS_PER_CALL = 1_000
RECORDS_PER_CALL = 100
CHUNKS_PER_CALL = 500
PARALLEL_UPDATES = 8
QUEUE_POLL_SECONDS = 0.05

_NOT_FOUND = 404

AnId = TypeVar("AnId", bound=UUID)


class WeaviateSearchIndex:
    """Fulfils ``SearchIndex``. Any number of processes may read and write.

    A chunk's id is its object's id, so that a repeated write replaces. A write returns when
    Weaviate has it in its write-ahead log and in both legs' structures, also where the server
    indexes vectors in the background (``ASYNC_INDEXING``), which is waited for.
    """

    def __init__(
        self,
        client: WeaviateAsyncClient,
        opened: Opened,
        *,
        settings: WeaviateSettings,
        dimension: int,
    ) -> None:
        level = ConsistencyLevel(settings.consistency.upper())
        self._client = client
        self._calls = Calls(client, settings)
        self._collection = opened.collection.with_consistency_level(level)
        self._settings = settings
        self._dimension = dimension
        self._shards = opened.shards
        self._vectors = vectors_of(settings, dimension=dimension)

    @classmethod
    async def open(cls, settings: WeaviateSettings, *, dimension: int) -> Self:
        """Connect, and create the collection when it is not there.

        Raises:
            DimensionMismatchError: the collection holds vectors of another length.
            IndexUnavailableError: with the fix.
        """
        with translated(settings.url, "open the search index"):
            client = await connect(settings)
            try:
                vectors = vectors_of(settings, dimension=dimension)
                opened = await open_collection(client, settings, vectors)
            except BaseException:
                await client.close()
                raise
        return cls(client, opened, settings=settings, dimension=dimension)

    @property
    def settings(self) -> WeaviateSettings:
        return self._settings

    @property
    def dimension(self) -> int:
        return self._dimension

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        for embedded in chunks:
            self._check_length(embedded.embedding, "an embedding")
        # Of two objects with one id in a batch either may come last.
        unique = {embedded.chunk.chunk_id: embedded for embedded in chunks}
        if not unique:
            return
        await self._check_there()
        for some in batches(list(unique.values())):
            refused = await send_all(some, self._insert)
            if refused:
                raise IndexUnavailableError(
                    refusal(self._settings.url, next(iter(refused.values()))),
                    chunk_ids=[str(some[place].chunk.chunk_id) for place in refused],
                )
        await self._vectors_indexed()

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        for some in _portions(chunk_ids, IDS_PER_CALL):
            async with self._calls.writing("delete"):
                where = Filter.by_id().contains_any(some)
                result = await self._collection.data.delete_many(where)
            if result.failed:
                raise IndexUnavailableError(
                    f"Weaviate at {self._settings.url} did not delete {result.failed} of "
                    f"{result.matches} chunks: try again"
                )

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        for some in _portions(record_ids, RECORDS_PER_CALL):
            seen: list[UUID] = []
            while chunk_ids := await self._of_other_files(some, file_id):
                if chunk_ids == seen:
                    raise IndexUnavailableError(
                        f"Weaviate at {self._settings.url} does not show what was written to it: "
                        "see whether all of its nodes are well"
                    )
                await self._rename_file(chunk_ids, file_id)
                seen = chunk_ids

    async def search_vector(
        self, embedding: Embedding, *, limit: int, where: SearchFilter, text: str = ""
    ) -> list[Match]:
        self._check_length(embedding, "the query's embedding")
        if finds_nothing(where):
            return []
        async with self._calls.reading("search"):
            found = await self._vectors.search(
                self._collection,
                embedding,
                text,
                limit=looked_at(limit, where),
                filters=filter_of(where),
                return_properties=SHOWN,
                include_vector=self._vectors.are_ours,
                return_metadata=MetadataQuery(distance=True),
            )
        if self._vectors.are_ours:
            matches = to_nearest(found.objects, embedding)
        else:
            matches = to_matches(found.objects, lambda each: 1.0 - (each.metadata.distance or 0.0))
        return satisfying(matches, where)[:limit]

    async def search_keyword(self, text: str, *, limit: int, where: SearchFilter) -> list[Match]:
        words = " ".join(query_words_of(text))
        if not words or finds_nothing(where):
            return []
        async with self._calls.reading("search"):
            found = await self._collection.query.bm25(
                words,
                query_properties=["words"],
                limit=looked_at(limit, where),
                filters=filter_of(where),
                return_properties=SHOWN,
                include_vector=self._vectors.are_ours,
                return_metadata=MetadataQuery(score=True),
            )
        # Weaviate leaves out the factor that every score has.
        matches = to_matches(found.objects, lambda each: (K1 + 1) * (each.metadata.score or 0.0))
        return satisfying(matches, where)[:limit]

    async def score_keyword(self, text: str, matches: Sequence[Match]) -> list[Match]:
        among = SearchFilter(within=Within.matches(matches))
        found = await self.search_keyword(text, limit=len(matches), where=among)
        return scored_as(found, matches)

    async def newest(self, *, limit: int, where: SearchFilter) -> list[Match]:
        if finds_nothing(where):
            return []
        async with self._calls.reading("search"):
            found = await self._collection.query.fetch_objects(
                limit=looked_at(limit, where),
                filters=filter_of(where),
                sort=Sort.by_property("timestampMicros", ascending=False).by_id(),
                return_properties=SHOWN,
                include_vector=self._vectors.are_ours,
            )
        matches = to_matches(found.objects, lambda each: seconds_of(each.properties))
        return satisfying(matches, where)[:limit]

    async def count(self) -> int:
        async with self._calls.reading("count"):
            counted = await self._collection.aggregate.over_all(total_count=True)
        return counted.total_count or 0

    async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
        after: UUID | None = None
        while True:
            async with self._calls.reading("list its chunks"):
                page = await self._collection.query.fetch_objects(
                    limit=IDS_PER_CALL, after=after, return_properties=[]
                )
            if not page.objects:
                return
            yield [ChunkId(UUID(int=each.uuid.int)) for each in page.objects]
            after = page.objects[-1].uuid

    async def fetch(self, chunk_ids: Sequence[ChunkId]) -> Sequence[KeptChunk]:
        if not self._vectors.are_ours:
            return []
        found: list[KeptChunk] = []
        for some in _portions(chunk_ids, CHUNKS_PER_CALL):
            async with self._calls.reading("read chunks"):
                page = await self._collection.query.fetch_objects_by_ids(
                    some, limit=len(some), include_vector=True, return_properties=SHOWN
                )
            found += [to_kept(each.uuid, each.properties, each.vector) for each in page.objects]
        return found

    async def optimize(self) -> None:
        """Nothing to do: Weaviate folds in by itself."""

    async def refresh(self) -> None:
        """Nothing to do: every search asks the server."""

    async def ping(self) -> None:
        async with self._calls.checking():
            await self._collection.query.fetch_objects(limit=1, return_properties=[])

    async def close(self) -> None:
        await self._client.close()

    def _check_length(self, embedding: Embedding, what: str) -> None:
        if embedding.shape != (self._dimension,):
            raise DimensionMismatchError(
                f"{what} has shape {embedding.shape}, the search index needs ({self._dimension},)"
            )

    async def _check_there(self) -> None:
        """Weaviate would make a collection that is gone anew by guessing, open to all readers."""
        async with self._calls.reading("find the collection"):
            is_there = await self._collection.exists()
        if not is_there:
            raise IndexUnavailableError(gone(self._settings.url))

    async def _insert(self, chunks: Sequence[EmbeddedChunk]) -> Refused:
        # Stemming takes a while, in which searches go on.
        objects = await asyncio.to_thread(to_objects, chunks, self._vectors)
        async with self._calls.writing("store chunks"):
            try:
                result = await self._collection.data.insert_many(objects)
            except WeaviateInsertManyAllFailedError as error:
                return dict.fromkeys(range(len(objects)), str(error))
            refused = {place: error.message for place, error in result.errors.items()}
            await self._flush([one for at, one in enumerate(objects) if at not in refused])
        return refused

    async def _flush(self, stored: Sequence[Object]) -> None:
        """Have the vectors' log written out, by storing again what was stored.

        Weaviate writes it out at the start of a batch, for what came before; what a batch brings
        itself it would keep in memory until the next, and lose with its process.
        """
        result = await self._collection.data.insert_many(
            stored if self._shards > 1 else stored[-1:]
        )
        if result.has_errors:
            raise IndexUnavailableError(
                refusal(self._settings.url, next(iter(result.errors.values())).message)
            )

    async def _vectors_indexed(self) -> None:
        """Wait until no vector is queued any more; at once, unless the server has such queues."""
        async with self._calls.writing("index vectors"):
            while True:
                nodes = await self._client.cluster.nodes(self._collection.name, output="verbose")
                if not sum(shard.vector_queue_length for node in nodes for shard in node.shards):
                    return
                await asyncio.sleep(QUEUE_POLL_SECONDS)

    async def _of_other_files(self, record_ids: Sequence[RecordId], file_id: FileId) -> list[UUID]:
        """Some of the records' chunks that do not name the file yet."""
        records = Filter.by_property("recordId").contains_any(record_ids)
        others = Filter.by_property("fileImportId").not_equal(str(file_id))
        async with self._calls.reading("find chunks"):
            found = await self._collection.query.fetch_objects(
                limit=IDS_PER_CALL, filters=records & others, return_properties=[]
            )
        return [each.uuid for each in found.objects]

    async def _rename_file(self, chunk_ids: Sequence[UUID], file_id: FileId) -> None:
        for some in _portions(chunk_ids, PARALLEL_UPDATES):
            async with self._calls.writing("update chunks"):
                updates = [self._update(chunk_id, str(file_id)) for chunk_id in some]
                await asyncio.gather(*updates)

    async def _update(self, chunk_id: UUID, file_id: str) -> None:
        try:
            await self._collection.data.update(chunk_id, properties={"fileImportId": file_id})
        except UnexpectedStatusCodeError as error:
            if error.status_code != _NOT_FOUND:  # deleted meanwhile
                raise


def _portions(ids: Sequence[AnId], size: int) -> Iterator[list[AnId]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])
