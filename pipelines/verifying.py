"""Proof that store, metadata, index and ledger agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.errors import NotFoundError
from domain.models.files import FileImport, ProcessingStatus
from domain.models.ids import ChunkId, ObjectKey
from domain.models.indexes import ChunkOwner
from domain.ports.metadata_store import MetadataStore
from domain.ports.object_store import ObjectStore
from domain.ports.search_index import SearchIndex

MAX_PROBLEMS = 1_000
PAGE = 500


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that does not agree, for people as sentences, and for repairs by kind.

    ``rows`` are sentences about contradictions within the metadata store, ``objects`` about files
    whose bytes are not what they were.
    """

    rows: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    missing: dict[ChunkId, ChunkOwner] = field(default_factory=dict)
    repeated: dict[ChunkId, int] = field(default_factory=dict)
    orphan_chunks: list[ChunkId] = field(default_factory=list)
    orphan_objects: list[ObjectKey] = field(default_factory=list)
    owner_of: dict[ChunkId, ChunkOwner] = field(default_factory=dict)
    """Of the repeated chunks."""

    def sentences(self) -> list[str]:
        return [*self.rows, *self.objects, *self._about_chunks(), *self._about_objects()]

    def _about_chunks(self) -> Iterable[str]:
        for chunk, owner in self.missing.items():
            yield f"record or group {owner.owner_id}: its chunk {chunk} is not in the index"
        for chunk, times in self.repeated.items():
            yield f"chunk {chunk} is in the index {times} times"
        for chunk in self.orphan_chunks:
            yield f"chunk {chunk} is in the index, but belongs to no record"

    def _about_objects(self) -> Iterable[str]:
        for key in self.orphan_objects:
            yield f"object {key} is stored, but no file stands on it"


async def verify(metadata: MetadataStore, index: SearchIndex, objects: ObjectStore) -> list[str]:
    """Compare every store with every other; return a sentence for each disagreement.

    As ``survey``; at most ``MAX_PROBLEMS`` sentences.
    """
    return (await survey(metadata, index, objects)).sentences()[:MAX_PROBLEMS]


async def survey(metadata: MetadataStore, index: SearchIndex, objects: ObjectStore) -> Findings:
    """Compare every store with every other.

    Reads all record and chunk ids (16 bytes each in memory) but no content. What imports and
    deletions have in hand meanwhile is no disagreement: what they write and have not confirmed
    yet is expected or not, as they will have it, and what looks wrong is looked at twice.
    """
    findings = Findings(rows=list(await metadata.records.audit()))
    findings.rows.extend(await _embedded_otherwise(metadata))
    findings.objects.extend(await _missing_objects(metadata, objects))
    findings.orphan_objects.extend(await orphan_objects(metadata, objects))
    await _compare_index(metadata, index, findings)
    return findings


async def _embedded_otherwise(metadata: MetadataStore) -> list[str]:
    """What an index holds of another model than its own is found by words alone, if at all."""
    records = await metadata.reconciliation.embedded_otherwise()
    groups = await metadata.reconciliation.groups_embedded_otherwise()
    return [
        f"record or group {owner}: it was embedded by another model than the index in use"
        for owner in (*records, *groups)
    ]


async def orphan_objects(metadata: MetadataStore, objects: ObjectStore) -> list[ObjectKey]:
    """Objects that no file stands on: an upload that died, or one that is about to end."""
    unknown = [key async for key in objects.list()]
    for _ in range(2):  # an upload stores its bytes a moment before its row
        known = await metadata.reconciliation.object_keys() if unknown else ()
        unknown = [key for key in unknown if key not in known]
    return unknown


async def _missing_objects(metadata: MetadataStore, objects: ObjectStore) -> list[str]:
    problems: list[str] = []
    before = None
    while page := await metadata.files.list(limit=PAGE, before=before):
        for report in page:
            if report.file.status is ProcessingStatus.DELETING:
                continue  # the bytes go before the row does
            problem = await _object_problem(report.file, objects)
            if problem and await _still_stands(metadata, report.file):
                problems.append(problem)
        before = page[-1].file.uploaded_at
    return problems


async def _still_stands(metadata: MetadataStore, file: FileImport) -> bool:
    """Whether the file is not gone, or about to be, by now."""
    try:
        present = await metadata.files.get(file.file_id)
    except NotFoundError:
        return False
    return present.file.status is not ProcessingStatus.DELETING


async def _object_problem(file: FileImport, objects: ObjectStore) -> str | None:
    try:
        size = await objects.size(file.object_key)
    except NotFoundError:
        return (
            f"file {file.file_id} ({file.filename}): its raw bytes are gone; what was imported of "
            "it is found as before, but to replay it upload it again"
        )
    if size != file.file_size:
        return (
            f"file {file.file_id} ({file.filename}): {size} bytes stored, not {file.file_size}; "
            "upload it again"
        )
    return None


async def _compare_index(metadata: MetadataStore, index: SearchIndex, findings: Findings) -> None:
    certain, possible = await chunks_of_owners(metadata)
    found = await chunks_in(index)
    missing = certain.keys() - found.keys()
    orphans = found.keys() - possible
    if missing or orphans:
        # Imports go on: what is missing may have been replaced meanwhile, and what seems to
        # belong to nobody may have come after its record was looked for.
        certain_now, possible_now = await chunks_of_owners(metadata)
        missing = (missing & certain_now.keys()) - (await chunks_in(index)).keys()
        orphans -= possible_now
    findings.missing.update((chunk, certain[chunk]) for chunk in sorted(missing))
    findings.orphan_chunks.extend(sorted(orphans))
    repeated = {chunk: times for chunk, times in found.items() if times > 1}
    findings.repeated.update(repeated)
    findings.owner_of.update((chunk, certain[chunk]) for chunk in repeated if chunk in certain)


async def chunks_of_owners(
    metadata: MetadataStore,
) -> tuple[dict[ChunkId, ChunkOwner], set[ChunkId]]:
    """The chunks that have to be in the index, by owner, and all that may be."""
    certain: dict[ChunkId, ChunkOwner] = {}
    possible: set[ChunkId] = set()
    async for page in metadata.reconciliation.owners():
        for owner in page:
            certain.update(dict.fromkeys(owner.certain_ids(), owner))
            possible.update(owner.possible_ids())
    return certain, possible


async def chunks_in(index: SearchIndex) -> Counter[ChunkId]:
    """How often each chunk is in the index."""
    await index.refresh()
    found: Counter[ChunkId] = Counter()
    async for ids in index.chunk_ids():
        found.update(ids)
    return found
