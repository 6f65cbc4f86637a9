"""Replays: what failed is read again, and what has not changed costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pytest

from domain.ledger import Ledger
from domain.models.files import ProcessingStatus, Slice
from domain.models.records import ParsedItem, RejectedItem
from domain.parsers.csv import CsvParser
from domain.parsers.detection import PARSERS
from domain.ports.parser import ParseContext
from tests.integration.pipelines.conftest import ImportSide, csv_of


class LearningParser(CsvParser):
    """Rejects every third row until it has learned how to read it."""

    has_learned = False

    def read(self, file: BinaryIO, part: Slice, context: ParseContext) -> Iterator[ParsedItem]:
        for number, item in enumerate(super().read(file, part, context)):
            is_strange = number % 3 == 0 and not self.has_learned
            yield RejectedItem("strange", item.place) if is_strange else item


async def test_a_replay_embeds_only_what_had_failed(
    import_side: ImportSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = LearningParser()
    monkeypatch.setitem(PARSERS, "csv", parser)  # type: ignore[arg-type]
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(30))
        first = await import_side.finished(file_id)
        embedded = import_side.embedder.texts_embedded
        parser.has_learned = True
        await import_side.metadata.files.restart(file_id)
        again = await import_side.finished(file_id)

    assert first.ledger == Ledger(read=30, indexed=20, failed=10)
    assert again.file.status is ProcessingStatus.COMPLETED
    assert again.ledger == Ledger(read=30, indexed=10, unchanged=20)
    assert import_side.embedder.texts_embedded == embedded + 10
    assert await import_side.metadata.files.dead_letters(file_id) == []


async def test_a_replay_without_the_raw_bytes_fails_with_the_fix(import_side: ImportSide) -> None:
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(3))
        report = await import_side.finished(file_id)
        await import_side.objects.delete(report.file.object_key)
        await import_side.metadata.files.restart(file_id)
        again = await import_side.finished(file_id)

    assert again.file.status is ProcessingStatus.FAILED
    assert "upload the file again" in (again.file.error or "")
