"""Conversations in files that go through the stages of a bulk import, without Ray between them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import SecretStr

from actors.settings import EmbedderSettings, Settings
from actors.store_settings import ObjectSettings, PostgresSettings
from domain.chunking import ChunkLimits
from domain.models.files import Slice
from domain.models.ids import FileId
from domain.ports.parser import ArchiveLimits
from pipelines import bulk
from pipelines.file_import import FilePlanner, PlanLimits
from pipelines.verifying import verify
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide


@dataclass
class StagesInTurn:
    """What Ray Data does, a table at a time in one process."""

    job: bulk.BulkJob
    parts: Sequence[Slice]

    def iter_batches(self, **_: Any) -> Iterator[pa.Table]:
        yield from list(self._tables())  # all of it in the thread that asks for the first

    def _tables(self) -> Iterator[pa.Table]:
        embed, write = bulk.EmbedRecords(self.job), bulk.WriteRecords(self.job)
        for part in self.parts:
            manifest = pa.table({"slice": pa.array([pickle.dumps(part)])})
            for table in bulk.stage_slices(manifest, self.job):
                yield write(embed(table))
        write._runner.run(write._metadata.close())
        write._runner.close()


@pytest.fixture
def in_one_process(monkeypatch: pytest.MonkeyPatch, import_side: ImportSide) -> None:
    monkeypatch.setattr(bulk, "_dataset", StagesInTurn)
    monkeypatch.setattr(bulk, "ActorIndexWriter", lambda: import_side.index)
    monkeypatch.setattr(os, "nice", lambda _: 0)


async def import_in_bulk(side: ImportSide, dsn: str, tmp_path: Path, content: bytes) -> FileId:
    file_id = await side.upload("s.zip", content)
    planner = FilePlanner(side.metadata, side.objects, PlanLimits(1_024, ArchiveLimits()))
    await planner.validate_file(file_id)
    await planner.queue_for_processing(file_id)
    (claim,) = await side.metadata.queue.claim("bulk", limit=1, lease_seconds=60)
    settings = Settings(
        data_dir=tmp_path,
        postgres=PostgresSettings(dsn=SecretStr(dsn)),
        objects=ObjectSettings(directory=tmp_path / "objects"),
        embedder=EmbedderSettings(backend="hash"),
    )
    file = (await side.metadata.files.get(file_id)).file
    model = side.embedder.model
    job = bulk.BulkJob(settings, claim, file, model, ChunkLimits(), ArchiveLimits())
    await bulk._drive(job)
    return file_id


async def test_a_thread_that_reaches_over_slices_is_composed_once_all_are_staged(
    import_side: ImportSide, postgres_dsn: str, tmp_path: Path, in_one_process: None
) -> None:
    root = "1772000000.000100"
    days = {
        f"general/2026-02-{25 + day}": [
            slack_message(f"word number {day}", f"{1772000000 + 86_400 * day}.000100")
            | {"thread_ts": root, "padding": "x" * 900}
        ]
        for day in range(3)
    }

    file_id = await import_in_bulk(import_side, postgres_dsn, tmp_path, slack_export(days))

    report = await import_side.metadata.files.get(file_id)
    assert (report.ledger.read, report.ledger.indexed, report.progress.fraction) == (3, 3, 1.0)
    (passage,) = import_side.index._chunks.values()
    assert passage.chunk.text.count("word number") == 3
    assert await verify(import_side.metadata, import_side.index, import_side.objects) == []
