"""Proof that store, metadata, index and ledger agree."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from domain.errors import NotFoundError
from domain.models.files import FileImport, ProcessingStatus
from domain.models.ids import chunk_ids
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex

MAX_PROBLEMS = 1_000
PAGE = 500


async def verify(metadata: MetadataStore, index: SearchIndex, objects: ObjectStore) -> list[str]:
    """Compare every store with every other; return a sentence for each disagreement.

    Reads all record and chunk ids (16 bytes each in memory) but no content. Meant for a system
    at rest: what a running import has not confirmed yet is not counted as a problem.
    """
    problems = list(await metadata.records.audit())
    problems += await _missing_objects(metadata, objects)
    problems += await _index_disagreements(metadata, index)
    return problems[:MAX_PROBLEMS]


async def _missing_objects(metadata: MetadataStore, objects: ObjectStore) -> list[str]:
    problems: list[str] = []
    before = None
    while page := await metadata.files.list(limit=PAGE, before=before):
        for report in page:
            if report.file.status is ProcessingStatus.DELETING:
                continue  # the bytes go before the row does
            problem = await _object_problem(report.file, objects)
            if problem:
                problems.append(problem)
        before = page[-1].file.uploaded_at
    return problems


async def _object_problem(file: FileImport, objects: ObjectStore) -> str | None:
    try:
        size = await objects.size(file.object_key)
    except NotFoundError:
        return f"file {file.file_id} ({file.filename}): its raw bytes are gone"
    if size != file.file_size:
        return f"file {file.file_id} ({file.filename}): {size} bytes stored, not {file.file_size}"
    return None


async def _expected_chunks(metadata: MetadataStore) -> dict[UUID, UUID]:
    """By chunk id the record or group that it belongs to."""
    expected: dict[UUID, UUID] = {}
    async for records in metadata.records.expected():
        for stored in records:
            for chunk in chunk_ids(stored.record_id, stored.chunk_count, stored.embedding_model):
                expected[chunk] = stored.record_id
    async for groups in metadata.groups.expected():
        for group in groups:
            for chunk in chunk_ids(group.group_id, group.chunk_count, group.embedding_model):
                expected[chunk] = group.group_id
    return expected


async def _index_disagreements(metadata: MetadataStore, index: SearchIndex) -> list[str]:
    expected = await _expected_chunks(metadata)
    await index.refresh()
    found: Counter[UUID] = Counter()
    async for ids in index.chunk_ids():
        found.update(ids)
    problems = [
        f"record or group {owner}: its chunk {chunk} is not in the index"
        for chunk, owner in expected.items()
        if chunk not in found
    ]
    problems += [f"chunk {chunk} is in the index {n} times" for chunk, n in found.items() if n > 1]
    problems += [
        f"chunk {chunk} is in the index, but belongs to no record"
        for chunk in found
        if chunk not in expected
    ]
    return problems
