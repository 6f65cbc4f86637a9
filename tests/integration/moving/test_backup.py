"""A backup made at any moment restores to exactly that moment, and goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from actors.adapters.filesystem.backup import BackupReader, BackupWriter
from actors.adapters.filesystem.backup_manifest import Manifest
from actors.adapters.postgres.long_connection import gone_files
from actors.adapters.postgres.row_source import reading
from domain.chunking import ChunkLimits
from domain.errors import NotFoundError
from domain.models.files import ProcessingStatus
from domain.models.ids import FileId
from pipelines.backing_up import Moment, finish_backup, keep_moment, load_of
from pipelines.filling import IndexVectors
from pipelines.moving import MoveReport
from tests.builders import slack_export
from tests.integration.moving.sides import ROWS_BY_ID, SIZES, Target, answers, conversations
from tests.integration.pipelines.conftest import ImportSide, InterruptibleIndex, csv_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Backup:
    """A backup in the making, of a side whose database has the DSN."""

    def __init__(self, side: ImportSide, dsn: str, directory: Path) -> None:
        self._side = side
        self._dsn = dsn
        self.directory = directory
        self._writer = BackupWriter.create(directory)

    async def keep_moment(self, *, meanwhile: Sequence[Awaitable[object]] = ()) -> Moment:
        async with reading(self._dsn, rows_per_page=60) as rows:
            await rows.origin()
            for happening in meanwhile:
                await happening
            return await keep_moment(
                rows,
                rows.content,
                IndexVectors(self._side.index),
                self._writer,
                limits=ChunkLimits(),
                sizes=SIZES,
            )

    async def finish(self, moment: Moment, wheels: Sequence[Path] = ()) -> Manifest:
        return await finish_backup(
            moment,
            self._side.objects,
            wheels,
            self._writer,
            version="1",
            now=NOW,
            gone_files=partial(gone_files, self._dsn),
        )

    async def make(self) -> Manifest:
        return await self.finish(await self.keep_moment())


@pytest.fixture
def backup(import_side: ImportSide, postgres_dsn: str, tmp_path: Path) -> Backup:
    return Backup(import_side, postgres_dsn, tmp_path / "backup")


async def restored(directory: Path, target: Target) -> MoveReport:
    reader = BackupReader.open(directory)
    reader.check()
    return await target.take(load_of(reader))


async def test_a_backup_from_the_middle_of_an_import_ends_as_the_import_would_have(
    import_side: ImportSide, backup: Backup, target: Target
) -> None:
    index = import_side.index
    assert isinstance(index, InterruptibleIndex)
    index.interrupt_at = 7
    async with import_side.conducted():
        first = await import_side.upload("rows.csv", csv_of(100))
        second = await import_side.upload("export.zip", slack_export(conversations()))
        async with asyncio.timeout(30):
            await index.interrupted.wait()
        manifest = await backup.make()
    assert 0 < manifest.facts.vectors < 107

    report = await restored(backup.directory, target)
    assert (report.problems, report.filled.embedded) == ([], 0)
    async with target.open() as side, side.conducted():
        ledgers = [(await side.finished(one)).ledger for one in (first, second)]
        assert await side.problems() == []

    index.interrupt_at = 0
    async with import_side.conducted():
        expected = [(await import_side.finished(one)).ledger for one in (first, second)]
    assert ledgers == expected
    assert await answers(target.index) == await answers(import_side.index)


async def test_what_changes_after_the_moment_is_restored_as_it_was(
    source: ImportSide, backup: Backup, target: Target
) -> None:
    before = await answers(source.index)
    changed = csv_of(100).replace(b"Body of row 4", b"Other body of row 4")
    change = source.import_file("rows.csv", changed, ROWS_BY_ID)
    moment = await backup.keep_moment(meanwhile=[change])
    await backup.finish(moment)
    assert await answers(source.index) != before

    report = await restored(backup.directory, target)

    assert (report.problems, report.filled.embedded) == ([], 11)
    assert await answers(target.index) == before


async def test_a_file_deleted_while_the_backup_is_made_goes_on_being_deleted(
    source: ImportSide, backup: Backup, target: Target
) -> None:
    [file_id] = [
        one.file.file_id
        for one in await source.metadata.files.list()
        if one.file.filename == "rows.csv"
    ]
    moment = await backup.keep_moment()
    await _deleted(source, file_id)
    manifest = await backup.finish(moment)
    assert manifest.facts.deleted == [file_id]

    report = await restored(backup.directory, target)

    assert report.problems == []
    async with target.open() as side:
        await _deleted(side, file_id)
        assert await side.problems() == []
        assert await answers(target.index) == await answers(source.index)


async def _deleted(side: ImportSide, file_id: FileId) -> None:
    async with side.conducted(), asyncio.timeout(30):
        await side.metadata.files.transition(file_id, ProcessingStatus.DELETING)
        with suppress(NotFoundError):
            while await side.metadata.files.get(file_id):
                await side.metadata.events.wait(timeout_seconds=0.05)


async def test_a_restore_that_was_interrupted_goes_on(
    source: ImportSide, backup: Backup, target: Target
) -> None:
    await backup.make()
    load = load_of(BackupReader.open(backup.directory))
    await target.die_among_rows(load)
    await target.die_among_chunks(load, upserts=2)
    report = await restored(backup.directory, target)
    assert (report.problems, report.filled.embedded) == ([], 0)
    assert await answers(target.index) == await answers(source.index)
