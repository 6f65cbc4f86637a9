"""The writing side of the full-text index: every change is one durable commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import tantivy

from actors.adapters.tantivy_faiss.documents import NUMBER, chunk_id_of, document_of, supplied_by
from actors.adapters.tantivy_faiss.queries import Queries
from actors.adapters.tantivy_faiss.segments import read_manifest
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import FileId

HEAP_BYTES = 32 * 1024 * 1024
"""What is written and not yet on the disk takes no more; a commit may hold any number of chunks."""

RECORDS_PER_COMMIT = 500


class Writer:
    """Opens for writing when it is first asked to; then no other process can.

    Numbers ascend for ever: after a restart they go on from the clock, which is beyond them, so
    that a number of a document that was deleted is not given again.
    """

    def __init__(self, directory: Path, index: tantivy.Index, queries: Queries) -> None:
        self._directory = directory
        self._index = index
        self._queries = queries
        self._lock = threading.Lock()
        self._opened: tantivy.IndexWriter | None = None
        self._next = 0

    def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        with self._commit() as writer:
            self._replace(
                writer,
                [embedded.chunk.chunk_id for embedded in chunks],
                (
                    document_of(embedded, number)
                    for embedded, number in zip(chunks, self._numbers(), strict=False)
                ),
            )

    def delete(self, chunk_ids: Sequence[UUID]) -> None:
        with self._commit() as writer:
            writer.delete_documents_by_query(self._queries.chunks(chunk_ids))

    def reassign(self, record_ids: Sequence[UUID], file_id: FileId) -> None:
        for start in range(0, len(record_ids), RECORDS_PER_COMMIT):
            self._reassign(record_ids[start : start + RECORDS_PER_COMMIT], file_id)

    def _reassign(self, record_ids: Sequence[UUID], file_id: FileId) -> None:
        with self._commit() as writer:
            self._index.reload()
            searcher = self._index.searcher()
            wanted = self._queries.records(set(record_ids))
            hits = searcher.search(wanted, max(1, searcher.num_docs), count=False).hits
            places = [place for _, place in hits]
            self._replace(
                writer,
                [chunk_id_of(searcher.doc(place)) for place in places],
                (
                    supplied_by(searcher.doc(place), file_id, number)
                    for place, number in zip(places, self._numbers(), strict=False)
                ),
            )

    def close(self) -> None:
        with self._lock:
            self._opened = None

    def _replace(
        self,
        writer: tantivy.IndexWriter,
        chunk_ids: Sequence[UUID],
        documents: Iterable[tantivy.Document],
    ) -> None:
        # A deletion takes away what was added before it, not what is added after.
        writer.delete_documents_by_query(self._queries.chunks(chunk_ids))
        for document in documents:
            writer.add_document(document)

    @contextmanager
    def _commit(self) -> Iterator[tantivy.IndexWriter]:
        """All that is done in the block, or none of it. What failed leaves nothing behind."""
        with self._lock:
            writer = self._opened or self._open()
            try:
                yield writer
                writer.commit()
            except BaseException:
                self._take_back(writer)
                raise

    def _take_back(self, writer: tantivy.IndexWriter) -> None:
        """Return to the last commit, and remove what was written since; or open anew later."""
        try:
            writer.rollback()
            writer.garbage_collect_files()
        except Exception:
            self._opened = None
            with suppress(Exception):
                # Whoever reads the error may keep the writer alive, which would keep its lock.
                writer.wait_merging_threads()

    def _open(self) -> tantivy.IndexWriter:
        writer = self._index.writer(heap_size=HEAP_BYTES, num_threads=1)
        self._index.reload()
        newest = self._index.searcher().search(
            self._queries.everything, 1, count=False, order_by_field=NUMBER
        )
        last = newest.hits[0][0] if newest.hits else 0
        folded = max((one.last for one in read_manifest(self._directory)), default=0)
        self._next = max(self._next, last + 1, folded + 1, time.time_ns())
        self._opened = writer
        return writer

    def _numbers(self) -> Iterator[int]:
        while True:
            self._next += 1
            yield self._next
