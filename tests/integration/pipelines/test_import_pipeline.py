from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from domain.ledger import Ledger
from domain.models.files import ImportOptions, ProcessingStatus
from tests.integration.pipelines.conftest import ImportSide, csv_of


async def test_every_row_of_a_file_is_indexed_and_counted(import_side: ImportSide) -> None:
    report = await import_side.import_file("notes.csv", csv_of(100))

    assert report.file.status is ProcessingStatus.COMPLETED
    assert report.ledger == Ledger(read=100, indexed=100)


async def test_a_finished_import_verifies(import_side: ImportSide) -> None:
    await import_side.import_file("notes.csv", csv_of(100))

    assert await import_side.problems() == []


async def test_a_file_is_cut_into_slices(import_side: ImportSide) -> None:
    import_side.slice_bytes = 1_024

    report = await import_side.import_file("notes.csv", csv_of(100))

    assert report.ledger.read == 100
    assert import_side.index.writes >= 5


async def test_the_same_file_again_is_unchanged_and_embeds_nothing(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("notes.csv", csv_of(30))
    embedded_before = import_side.embedder.texts_embedded

    again = await import_side.import_file("notes.csv", csv_of(30))

    assert again.ledger == Ledger(read=30, unchanged=30)
    assert import_side.embedder.texts_embedded == embedded_before


async def test_an_unreadable_file_fails_with_a_sentence_and_stops_nobody(
    import_side: ImportSide,
) -> None:
    async with import_side.conducted():
        bad = await import_side.upload("broken.zip", b"PK\x03\x04 and then nothing of sense")
        good = await import_side.upload("notes.csv", csv_of(10))

        bad_report = await import_side.finished(bad)
        good_report = await import_side.finished(good)

    assert bad_report.file.status is ProcessingStatus.FAILED
    assert bad_report.file.error
    assert good_report.file.status is ProcessingStatus.COMPLETED


async def test_a_file_whose_stored_bytes_were_damaged_fails_and_comes_again_whole(
    import_side: ImportSide, tmp_path: Path
) -> None:
    content = csv_of(5)
    file_id = await import_side.upload("rows.csv", content)
    digest = sha256(content).hexdigest()
    stored = tmp_path / "objects" / "sha256" / digest[:2] / digest[2:4] / digest
    stored.write_bytes(content.replace(b"row 3", b"row 8"))

    async with import_side.conducted():
        damaged = await import_side.finished(file_id)
        whole = await import_side.finished(await import_side.upload("rows.csv", content))

    assert "are not those that were uploaded" in (damaged.file.error or "")
    assert whole.ledger.indexed == 5


async def test_a_broken_line_becomes_a_dead_letter_and_the_rest_is_found(
    import_side: ImportSide,
) -> None:
    content = b'{"text": "one"}\n{"text": "two\n{"text": "three"}\n'

    report = await import_side.import_file("lines.ndjson", content)

    assert report.file.status is ProcessingStatus.COMPLETED_WITH_ERRORS
    assert (report.ledger.read, report.ledger.indexed, report.ledger.failed) == (3, 2, 1)
    assert len(await import_side.metadata.files.dead_letters(report.file.file_id)) == 1


async def test_a_source_name_given_by_the_uploader_is_what_the_records_carry(
    import_side: ImportSide,
) -> None:
    options = ImportOptions(source="salesforce")

    report = await import_side.import_file("accounts.csv", csv_of(3), options)

    assert report.file.source_type == "salesforce"


@pytest.mark.parametrize("interrupted_write", [1, 2, 5])
async def test_dying_in_the_middle_ends_with_the_same_ledger_as_never_having_died(
    import_side: ImportSide, interrupted_write: int
) -> None:
    import_side.index.interrupt_at = interrupted_write
    async with import_side.conducted():
        file_id = await import_side.upload("notes.csv", csv_of(100))
        await import_side.index.interrupted.wait()

    async with import_side.conducted():
        report = await import_side.finished(file_id)

    assert report.ledger == Ledger(read=100, indexed=100)
    assert await import_side.problems() == []


async def test_deleting_a_file_leaves_nothing_of_it(import_side: ImportSide) -> None:
    report = await import_side.import_file("notes.csv", csv_of(20))
    async with import_side.conducted():
        await import_side.metadata.files.transition(report.file.file_id, ProcessingStatus.DELETING)
        await _gone(import_side, report.file.file_id)

    assert await import_side.index.count() == 0
    assert await import_side.metadata.records.count() == 0
    assert [key async for key in import_side.objects.list()] == []


async def test_records_that_two_files_share_outlive_one_of_them(import_side: ImportSide) -> None:
    options = ImportOptions(id_column="id")
    first = await import_side.import_file("notes.csv", csv_of(20), options)
    await import_side.import_file("notes.csv", csv_of(30), options)
    async with import_side.conducted():
        await import_side.metadata.files.transition(first.file.file_id, ProcessingStatus.DELETING)
        await _gone(import_side, first.file.file_id)

    assert await import_side.metadata.records.count() == 30
    assert await import_side.problems() == []


async def test_a_replay_reads_the_file_again_and_finds_it_unchanged(
    import_side: ImportSide,
) -> None:
    report = await import_side.import_file("notes.csv", csv_of(20))
    await import_side.metadata.files.restart(report.file.file_id)

    async with import_side.conducted():
        again = await import_side.finished(report.file.file_id)

    assert again.ledger == Ledger(read=20, unchanged=20)


async def _gone(import_side: ImportSide, file_id: object) -> None:
    async with asyncio.timeout(30):
        while any(
            report.file.file_id == file_id for report in await import_side.metadata.files.list()
        ):
            await import_side.metadata.events.wait(timeout_seconds=0.05)
