"""Files and records for tests of the metadata store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from domain.ledger import Ledger, ledger_of
from domain.models.files import (
    Claim,
    ImportOptions,
    NewFileImport,
    ProcessingStatus,
    Slice,
    StoredObject,
)
from domain.models.ids import FileId, ObjectKey, RecordId
from domain.models.records import ContentType, IndexedRecord, Place, Record, StagedRecord
from domain.ports.metadata_store import MetadataStore

MODEL = "model-a"


def an_upload(
    filename: str = "export.csv", *, object_name: str = "", **fields: Any
) -> NewFileImport:
    """A new file with an object of its own, unless ``object_name`` names one."""
    digest = sha256((object_name or uuid4().hex).encode()).hexdigest()
    upload = NewFileImport(
        file_id=FileId(uuid4()),
        filename=filename,
        source_type="csv",
        mime_type="text/csv",
        stored=StoredObject(ObjectKey(f"{digest[:2]}/{digest}"), digest, 1000),
        options=ImportOptions(),
    )
    return replace(upload, **fields)


def a_record(native_id: str = "1", content: str = "hello", *, at: int = 0, **fields: Any) -> Record:
    """A record whose place is ``at``."""
    record = Record(
        source_type="csv",
        native_id=native_id,
        content_type=ContentType.RECORD,
        content=content,
        place=Place(at, at + 10),
    )
    return replace(record, **fields)


async def a_queued_file(store: MetadataStore, *, slices: int = 1, **fields: Any) -> FileId:
    """A file that waits for a worker, with its slices planned."""
    upload = an_upload(**fields)
    await store.files.create(upload)
    await store.files.transition(upload.file_id, ProcessingStatus.VALIDATING)
    await store.files.transition(upload.file_id, ProcessingStatus.QUEUED)
    await store.slices.plan(upload.file_id, [Slice(n, size_bytes=100) for n in range(slices)])
    return upload.file_id


async def a_claim(
    store: MetadataStore, *, owner: str = "worker", lease_seconds: float = 60, **fields: Any
) -> Claim:
    """A lease on a new file."""
    file_id = await a_queued_file(store, **fields)
    claims = await store.queue.claim(owner, limit=100, lease_seconds=lease_seconds)
    return next(claim for claim in claims if claim.file_id == file_id)


async def stage(
    store: MetadataStore, claim: Claim, *records: Record, slice_number: int = 0, model: str = MODEL
) -> list[StagedRecord]:
    """As if they came out of an archive, where each has a form of its own."""
    return list(
        await store.records.stage(claim, slice_number, records, parser="archive/2", model=model)
    )


async def confirm(
    store: MetadataStore,
    claim: Claim,
    staged: Iterable[StagedRecord],
    *,
    chunks: int = 1,
    model: str = MODEL,
) -> None:
    """Say that the index holds whatever was to be embedded."""
    indexed = [
        IndexedRecord(one.record.record_id, one.record.content_hash(), chunks)
        for one in staged
        if one.needs_embedding
    ]
    async with store.records.confirming(claim, indexed, model=model):
        pass


async def finish(store: MetadataStore, claim: Claim, ledger: Ledger, slice_number: int = 0) -> None:
    """Complete the slice and the file."""
    await store.slices.complete(claim, slice_number, ledger, [])
    for status in (ProcessingStatus.INDEXING, ProcessingStatus.COMPLETED):
        await store.files.transition(claim.file_id, status, claim=claim)


async def imported(store: MetadataStore, *records: Record, **fields: Any) -> Claim:
    """A completed import of the records in one slice."""
    claim = await a_claim(store, **fields)
    staged = await stage(store, claim, *records)
    await confirm(store, claim, staged)
    tombstones = sum(record.content_type is ContentType.TOMBSTONE for record in records)
    kept = [one.outcome for one in staged if one.record.content_type is not ContentType.TOMBSTONE]
    dropped = {"soft_deleted": tombstones} if tombstones else {}
    await finish(store, claim, ledger_of(kept, dropped=dropped))
    return claim


async def remove_all(store: MetadataStore, file_id: FileId) -> list[RecordId]:
    """Remove the records that only this file supplies; returns them."""
    removed: list[RecordId] = []
    while True:
        async with store.records.removing(file_id, limit=2) as records:
            if not records:
                return removed
            removed.extend(record.record_id for record in records)
