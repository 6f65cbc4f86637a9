"""A file takes the place of an earlier one, and at no moment is neither found."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.models.chunks import EmbeddedChunk
from domain.models.files import FileReport, ImportOptions, ProcessingStatus
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.search import SearchFilter
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide, csv_of

REPLACE = ImportOptions(replaces=True)
BY_ID = ImportOptions(id_column="id", replaces=True)


class SearchedIndex(InMemorySearchIndex):
    """Is asked before and after every write, from when ``phrase`` is set."""

    phrase = ""
    asked = 0
    lost = 0

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        await self._ask()
        await super().upsert(chunks)
        await self._ask()

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        await self._ask()
        await super().delete(chunk_ids)
        await self._ask()

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        await super().reassign(record_ids, file_id)
        await self._ask()

    async def _ask(self) -> None:
        if self.phrase:
            self.asked += 1
            found = await self.search_keyword(self.phrase, limit=100, where=SearchFilter())
            self.lost += not found


async def replaced_by(
    side: ImportSide, filename: str, content: bytes, options: ImportOptions
) -> FileReport:
    """The new file, when nothing of what it replaces is left to be done."""
    async with side.conducted():
        report = await side.finished(await side.upload(filename, content, options))
        async with asyncio.timeout(30):
            while await unhandled(side, report.file.file_id):
                await side.metadata.events.wait(timeout_seconds=0.05)
            while await side.metadata.queue.deleting(limit=1):
                await side.metadata.events.wait(timeout_seconds=0.05)
    return report


async def unhandled(side: ImportSide, file_id: FileId) -> int:
    statement = "SELECT count(*) FROM outbox WHERE handled_at IS NULL AND file_id = $1"
    database = side.metadata._database  # type: ignore[attr-defined]
    return int(await database.fetchval(statement, file_id))


async def files(side: ImportSide) -> list[FileId]:
    return [report.file.file_id for report in await side.metadata.files.list()]


def conversation(*texts: str) -> bytes:
    messages = [slack_message(text, f"{n}.0") for n, text in enumerate(texts, start=1)]
    return slack_export({"general/1970-01-01": messages})


@pytest.mark.parametrize(
    ("filename", "old", "new", "options"),
    [
        pytest.param("n.csv", csv_of(12), csv_of(11, note="now"), REPLACE, id="other records"),
        pytest.param("n.csv", csv_of(12), csv_of(11, note="now"), BY_ID, id="the same records"),
        pytest.param(
            "s.zip",
            conversation("things we ship", "more things"),
            conversation("things we ship", "other things"),
            REPLACE,
            id="passages",
        ),
    ],
)
async def test_either_the_old_or_the_new_is_found_at_every_moment(
    import_side: ImportSide, filename: str, old: bytes, new: bytes, options: ImportOptions
) -> None:
    index = SearchedIndex(dimension=import_side.embedder.dimension)
    import_side.index = index
    await import_side.import_file(filename, old, options)
    index.phrase = "things"

    report = await replaced_by(import_side, filename, new, options)

    assert (index.lost, index.asked > 0) == (0, True)
    assert await files(import_side) == [report.file.file_id]
    assert await import_side.problems() == []


async def test_what_the_new_file_no_longer_has_is_gone(import_side: ImportSide) -> None:
    await import_side.import_file("n.csv", csv_of(12))

    await replaced_by(import_side, "n.csv", csv_of(5), REPLACE)

    assert await import_side.metadata.records.count() == 5
    assert await import_side.index.count() == 5


async def test_a_file_that_is_not_to_replace_leaves_the_earlier_one(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("n.csv", csv_of(3))

    await replaced_by(import_side, "n.csv", csv_of(2), ImportOptions())

    assert len(await files(import_side)) == 2


async def test_files_of_other_names_are_left_alone(import_side: ImportSide) -> None:
    await import_side.import_file("other.csv", csv_of(3))

    await replaced_by(import_side, "n.csv", csv_of(2), REPLACE)

    assert len(await files(import_side)) == 2


async def test_a_file_with_failed_records_replaces_nothing(import_side: ImportSide) -> None:
    await import_side.import_file("l.ndjson", b'{"text": "one"}\n{"text": "two"}\n')

    report = await replaced_by(import_side, "l.ndjson", b'{"text": "1"}\n{"text": "2\n', REPLACE)

    assert report.file.status is ProcessingStatus.COMPLETED_WITH_ERRORS
    assert len(await files(import_side)) == 2


async def test_an_earlier_file_that_was_never_finished_is_replaced_too(
    import_side: ImportSide,
) -> None:
    earlier = await import_side.upload("n.csv", csv_of(3))
    await import_side.planner().validate_file(earlier)

    report = await replaced_by(import_side, "n.csv", csv_of(2), REPLACE)

    assert await files(import_side) == [report.file.file_id]
