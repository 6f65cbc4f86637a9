"""Taking a file out of every store, resumable at any point."""

from __future__ import annotations

from domain.models.ids import ChunkId, FileId, chunk_ids
from domain.models.records import StoredRecord
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import IndexWriter
from pipelines.handlers import FileStep

PAGE = 500


class FileDeleter:
    """Removes what only this file supplied, and hands the rest to the files that share it."""

    def __init__(
        self,
        metadata: MetadataStore,
        objects: ObjectStore,
        index: IndexWriter,
        *,
        show_names: FileStep,
        regroup: FileStep,
    ) -> None:
        """What follows when records go, each told of the file: ``show_names`` lets records of
        others follow the names, ``regroup`` writes the passages that have lost a member.
        """
        self._metadata = metadata
        self._objects = objects
        self._index = index
        self._show_names = show_names
        self._regroup = regroup

    async def run(self, file_id: FileId) -> None:
        """Carry out the deletion of a ``deleting`` file.

        Raises:
            RetryableError: call again; what is gone stays gone.
        """
        while await self._remove_page(file_id):
            pass
        while await self._hand_over_page(file_id):
            pass
        if await self._metadata.groups.count_stale(file_id):
            await self._regroup(file_id)
        await self._show_names(file_id)
        await self._metadata.events.bump_generation()
        await self._remove_object(file_id)
        await self._metadata.files.forget(file_id)

    async def _remove_object(self, file_id: FileId) -> None:
        """Remove the raw bytes unless another file has the same."""
        key = (await self._metadata.files.find(file_id)).object_key
        async with self._metadata.files.reclaiming(key, besides=file_id) as is_unused:
            if is_unused:
                await self._objects.delete(key)

    async def _hand_over_page(self, file_id: FileId) -> bool:
        async with self._metadata.records.handing_over(file_id, limit=PAGE) as moved:
            for new_file, record_ids in moved.items():
                await self._index.reassign(record_ids, new_file)
            return bool(moved)

    async def _remove_page(self, file_id: FileId) -> bool:
        async with self._metadata.records.removing(file_id, limit=PAGE) as records:
            chunk_ids = [chunk_id for stored in records for chunk_id in chunk_ids_of(stored)]
            if chunk_ids:
                await self._index.delete(chunk_ids)
            return bool(records)


def chunk_ids_of(stored: StoredRecord) -> list[ChunkId]:
    """The chunks that the index holds of a record."""
    return chunk_ids(stored.record_id, stored.chunk_count, stored.embedding_model)
