"""``migrate``, ``backup``, ``restore``: on the stores themselves, without a service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from actors.adapters.filesystem.backup import BackupReader, BackupWriter
from actors.adapters.filesystem.backup_manifest import Manifest
from actors.adapters.postgres.long_connection import gone_files
from actors.adapters.postgres.migrate import newest_version
from actors.adapters.postgres.moved_database import filling
from actors.adapters.postgres.row_source import reading
from actors.adapters.system_clock import SystemClock
from actors.bootstrap import Services, open_services
from actors.logging import configure_logging
from actors.modules.files import ModuleFiles
from actors.settings import FileSettings, Profile, Settings
from domain.chunking import ChunkLimits
from domain.errors import ConflictError, HeadraceError
from pipelines.backing_up import finish_backup, keep_moment, load_of
from pipelines.filling import IndexVectors
from pipelines.moving import Load, MoveReport, Place, move
from serve_app.commands.connection import load_settings
from serve_app.commands.output import Output, size_text
from serve_app.moved_stores import (
    dsn_of,
    name_of,
    refuse_absent,
    refuse_nameless,
    stores_at_rest,
    stores_to_read,
)

LINE_SECONDS = 5.0


class MoveIncomplete(HeadraceError):
    """Everything was moved, and does not agree with itself; the list is printed."""


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a migration: a profile, and a file with its settings or the environment."""

    profile: Profile
    env_file: Path | None

    def settings(self, data_dir: Path | None = None) -> Settings:
        fields: dict[str, Any] = {"profile": self.profile}
        if data_dir is not None:
            fields["data_dir"] = data_dir
        if self.env_file is not None:
            return FileSettings.read(self.env_file, **fields)
        return Settings(**fields)


class StepLines:
    """A line for every step that begins, and one now and then while it lasts."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._step = ""
        self._last_line = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step == self._step and done != total and now - self._last_line < LINE_SECONDS:
            return
        self._step, self._last_line = step, now
        share = f" {done:,}/{total:,}" if total else f" {done:,}" if done else ""
        self._output.note(f"  {step}{share}")


def migrate(
    source: Side, target: Side, output: Output, *, data_dir: Path | None, start_over: bool
) -> None:
    """Move everything from one side to the other, or go on with it.

    Raises:
        ConflictError: a service runs on either, or the target holds something else.
        MoveIncomplete: the target does not agree with itself.
    """
    old, new = source.settings(data_dir), target.settings()
    configure_logging(old.log)
    report = asyncio.run(_migrate(old, new, StepLines(output), start_over=start_over))
    _show_move(output, report, f"everything is in {name_of(new)}")


def backup(directory: Path, output: Output, *, data_dir: Path | None) -> None:
    """Back everything up into an empty directory, while the service runs or not.

    Raises:
        ConflictError: the directory is not empty.
    """
    settings = load_settings(data_dir)
    configure_logging(settings.log)
    manifest = asyncio.run(_back_up(settings, directory, StepLines(output)))
    _show_backup(output, directory, manifest)


def restore(directory: Path, output: Output, *, data_dir: Path | None, start_over: bool) -> None:
    """Bring a backup into empty stores, or go on with it.

    Raises:
        NotFoundError, ConflictError: the backup is not whole, or the stores are not empty.
        MoveIncomplete: what was restored does not agree with itself.
    """
    settings = load_settings(data_dir)
    configure_logging(settings.log)
    report = asyncio.run(_restore(directory, settings, StepLines(output), start_over=start_over))
    _show_move(output, report, f"{directory} is restored to {name_of(settings)}")


async def _migrate(
    source: Settings, target: Settings, on_step: StepLines, *, start_over: bool
) -> MoveReport:
    refuse_same(source, target)
    refuse_nameless(source)
    refuse_nameless(target)
    refuse_absent(source)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(stores_at_rest(source))
        target = await stack.enter_async_context(stores_at_rest(target))
        rows = await stack.enter_async_context(reading(dsn_of(source)))
        services = await stack.enter_async_context(open_services(source))
        load = Load(
            rows=rows,
            objects=services.objects,
            vectors=IndexVectors(services.index),
            limits=limits_of(source),
            models=await rows.content.models(),
        )
        return await _move(load, target, _wheels(source), on_step, start_over=start_over)


async def _restore(
    directory: Path, settings: Settings, on_step: StepLines, *, start_over: bool
) -> MoveReport:
    backup = BackupReader.open(directory)
    manifest = backup.manifest
    if manifest.origin.schema_version > newest_version():
        raise ConflictError(
            f"the backup was made by Headrace {manifest.facts.version}, which is newer: "
            "restore it by that version"
        )
    refuse_nameless(settings)
    on_step("check", 0, 0)
    await asyncio.to_thread(backup.check)
    async with stores_at_rest(settings) as settings:
        return await _move(
            load_of(backup), settings, backup.wheels(), on_step, start_over=start_over
        )


async def _move(
    load: Load,
    target: Settings,
    wheels: Sequence[Path],
    on_step: StepLines,
    *,
    start_over: bool,
) -> MoveReport:
    modules = ModuleFiles(target.modules_dir)
    for wheel in wheels:
        await asyncio.to_thread(modules.keep_wheel, wheel)
    async with filling(dsn_of(target)) as database:
        place = Place(database, partial(_stores, target))
        return await move(load, place, start_over=start_over, on_step=on_step)


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[Services]:
    """The target's stores; what must be embedded anew is embedded on all cores."""
    sessions = settings.embedder.import_sessions
    async with open_services(settings, embedder_sessions=sessions) as services:
        yield services


async def _back_up(settings: Settings, directory: Path, on_step: StepLines) -> Manifest:
    refuse_nameless(settings)
    refuse_absent(settings)
    writer = BackupWriter.create(directory)
    async with stores_to_read(settings) as settings:
        dsn = dsn_of(settings)
        async with open_services(settings) as services:
            async with reading(dsn) as rows:
                moment = await keep_moment(
                    rows,
                    rows.content,
                    IndexVectors(services.index),
                    writer,
                    limits=limits_of(settings),
                    on_step=on_step,
                )
            return await finish_backup(
                moment,
                services.objects,
                _wheels(settings),
                writer,
                version=version("headrace"),
                now=SystemClock().now(),
                gone_files=partial(gone_files, dsn),
                on_step=on_step,
            )


def refuse_same(source: Settings, target: Settings) -> None:
    """Raises ``ConflictError`` if both sides mean the same database."""
    if _database_of(source) == _database_of(target):
        raise ConflictError(
            "source and target are the same stores: name the target's settings with --to-env FILE"
        )


def _database_of(settings: Settings) -> str:
    dsn = settings.postgres.dsn
    return dsn.get_secret_value() if dsn else str(settings.data_dir.absolute())


def limits_of(settings: Settings) -> ChunkLimits:
    """How the installation cuts texts."""
    return ChunkLimits(settings.ingest.chunk_tokens, settings.ingest.chunk_overlap_tokens)


def _wheels(settings: Settings) -> list[Path]:
    return sorted((settings.modules_dir / "wheels").glob("*/*.whl"))


def _show_backup(output: Output, directory: Path, manifest: Manifest) -> None:
    facts = manifest.facts
    if output.as_json:
        output.json(
            {
                "directory": str(directory.absolute()),
                "made_at": facts.made_at,
                "size_bytes": manifest.size_bytes,
                "rows": manifest.rows,
                "objects": len(manifest.objects),
                "vectors": facts.vectors,
                "deleted_files": list(facts.deleted_files),
                "lost_files": list(facts.lost_files),
            }
        )
        return
    for file_id in facts.lost_files:
        output.note(f"the raw bytes of file {file_id} are gone, and not in the backup")
    output.line(
        f"{directory} holds {manifest.rows:,} rows, {facts.vectors:,} vectors and "
        f"{len(manifest.objects):,} objects, {size_text(manifest.size_bytes)}"
    )


def _show_move(output: Output, report: MoveReport, done: str) -> None:
    filled = report.filled
    if output.as_json:
        output.json(
            {
                "ok": not report.problems,
                "rows": report.rows,
                "objects": report.objects,
                "chunks": filled.chunks,
                "embedded": filled.embedded,
                "problems": list(report.problems),
            }
        )
    else:
        for problem in report.problems:
            output.line(problem)
        output.line(
            f"{done}: {report.rows:,} rows, {report.objects:,} objects, {filled.chunks:,} chunks, "
            f"of which {filled.embedded:,} had to be embedded"
        )
    if report.problems:
        raise MoveIncomplete(f"{len(report.problems)} problems: see above")
    if not output.as_json:
        output.line("store, metadata, index and ledger agree")
