"""A backup of all stores while they are in use, and the load that a restore moves.

The metadata store is read as of one moment; what the index and the object store hold is read
later. The index may have moved on by then: a vector is kept only if it is that of the text which
the moment's record has, and what has none is embedded anew by the restore. An object may be gone
by then, because its file was deleted: the restore goes on with that deletion.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from actors.adapters.filesystem.backup import BackupReader, BackupWriter
from actors.adapters.filesystem.backup_manifest import BackupFacts, Manifest
from domain.chunking import ChunkLimits
from domain.models.ids import ChunkId, FileId
from domain.models.moving import KeptVector
from domain.ports.indexed_content import IndexedContent
from domain.ports.moving import Origin, RowSource
from domain.ports.object_store import ObjectStore
from pipelines.chunk_pages import PAGE_SIZES, ChunkPage, PageSizes, chunk_pages
from pipelines.filling import VectorSource, matching
from pipelines.moving import Load, OnStep, copy_objects, silently

GoneFiles = Callable[[Sequence[FileId]], Awaitable[Sequence[FileId]]]
"""Of these files, those that are deleted by now, or being deleted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was kept of one moment, and what has to be kept besides."""

    origin: Origin
    models: frozenset[str]
    vectors: int
    limits: ChunkLimits
    sizes: PageSizes


async def keep_moment(
    rows: RowSource,
    content: IndexedContent,
    vectors: VectorSource,
    writer: BackupWriter,
    *,
    limits: ChunkLimits,
    sizes: PageSizes = PAGE_SIZES,
    on_step: OnStep = silently,
) -> Moment:
    """Keep all rows and vectors. ``rows`` and ``content`` see one moment, ``vectors`` a later one.

    Raises:
        RetryableError: a store gave no answer; begin another backup.
    """
    origin = await rows.origin()
    await _keep_rows(rows, origin, writer, on_step)
    count = 0
    async for page in chunk_pages(content, limits, sizes=sizes):
        known = await vectors.vectors(page)
        kept = [vector for one in page.chunks if (vector := matching(known, one)) is not None]
        await writer.keep_vectors(page.mark.number, kept)
        count += len(kept)
        on_step("chunks", count, 0)
    return Moment(origin, await content.models(), count, limits, sizes)


async def finish_backup(
    moment: Moment,
    objects: ObjectStore,
    wheels: Sequence[Path],
    writer: BackupWriter,
    *,
    version: str,
    now: datetime,
    gone_files: GoneFiles,
    on_step: OnStep = silently,
) -> Manifest:
    """Keep the bytes that the moment's rows speak of, then say that the backup is complete.

    Raises:
        RetryableError: a store gave no answer; begin another backup.
    """
    for wheel in wheels:
        await writer.keep_wheel(wheel)
    named = moment.origin.objects
    _, absent = await copy_objects(named, objects, writer.objects, on_step=on_step)
    without_bytes = [file_id for one in absent for file_id in one.file_ids]
    deleted = await gone_files(without_bytes) if without_bytes else ()
    facts = BackupFacts(
        version=version,
        made_at=now.isoformat(),
        chunk_tokens=moment.limits.max_tokens,
        chunk_overlap_tokens=moment.limits.overlap_tokens,
        records_per_page=moment.sizes.records,
        groups_per_page=moment.sizes.groups,
        models=tuple(sorted(moment.models)),
        vectors=moment.vectors,
        deleted_files=tuple(str(one) for one in deleted),
        lost_files=tuple(str(one) for one in without_bytes if one not in deleted),
    )
    kept = [one for one in named if one not in absent]
    return await writer.finish(moment.origin, kept, facts)


async def _keep_rows(
    rows: RowSource, origin: Origin, writer: BackupWriter, on_step: OnStep
) -> None:
    for number, table in enumerate(origin.tables, start=1):
        async for page in rows.pages(table, after=None):
            await writer.append(page)
        on_step("tables", number, len(origin.tables))


class BackupVectors:
    """The vectors of a backup, page by page as it was made."""

    def __init__(self, backup: BackupReader) -> None:
        self._backup = backup

    async def vectors(self, page: ChunkPage) -> Mapping[ChunkId, KeptVector]:
        return await self._backup.vectors(page.mark.number)


def load_of(backup: BackupReader) -> Load:
    """What a restore moves."""
    facts = backup.manifest.facts
    return Load(
        rows=backup,
        objects=backup.objects,
        vectors=BackupVectors(backup),
        limits=ChunkLimits(facts.chunk_tokens, facts.chunk_overlap_tokens),
        models=frozenset(facts.models),
        sizes=PageSizes(facts.records_per_page, facts.groups_per_page),
        deleted=facts.deleted,
    )
