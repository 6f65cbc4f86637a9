"""``verify --repair``: every kind of disagreement, on real stores."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from actors.adapters.memory.search_index import InMemorySearchIndex
from domain.models.chunks import EmbeddedChunk
from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.indexes import IndexPlace
from domain.parsers.detection import PARSERS
from domain.ports.search_index import IndexWriter, SearchIndex
from pipelines.repairing import RepairReport
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of
from tests.integration.pipelines.test_renaming import NamingParser

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SOON = FIRST + timedelta(hours=23)
LATER = FIRST + timedelta(hours=25)


class Killed(Exception):
    pass


class MortalWriter:
    """Dies at its n-th call, before or after the write."""

    def __init__(self, index: IndexWriter, *, dies_at: int, after: bool = False) -> None:
        self._index = index
        self._dies_at = dies_at
        self._after = after
        self._calls = 0

    async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
        self._die(after=False)
        await self._index.upsert(chunks)
        self._die(after=True)

    async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
        self._die(after=False)
        await self._index.delete(chunk_ids)
        self._die(after=True)

    async def reassign(self, record_ids: Sequence[RecordId], file_id: FileId) -> None:
        await self._index.reassign(record_ids, file_id)

    async def optimize(self) -> None: ...

    def _die(self, *, after: bool) -> None:
        self._calls += not after
        if self._calls == self._dies_at and after is self._after:
            raise Killed


async def all_chunks(index: SearchIndex) -> list[ChunkId]:
    return [chunk async for page in index.chunk_ids() for chunk in page]


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def lose(side: ImportSide, count: int) -> None:
    """Take chunks from the index behind everybody's back."""
    await side.index.delete((await all_chunks(side.index))[:count])


def conversations() -> bytes:
    return slack_export(
        {
            f"general/2026-03-0{day}": [slack_message(f"day {day}", f"{day}00000.0")]
            for day in (1, 2)
        }
    )


async def leave_an_orphan_chunk(side: ImportSide) -> list[EmbeddedChunk]:
    """Chunks of a file that is gone, its rows and bytes with it."""
    report = await side.import_file("gone.csv", csv_of(2, note="gone"))
    assert isinstance(side.index, InMemorySearchIndex)
    chunks = list(side.index._chunks.values())
    await side.delete(report.file.file_id)
    await side.index.upsert(chunks)
    return chunks


async def test_chunks_that_the_index_has_lost_are_embedded_again(import_side: ImportSide) -> None:
    await import_side.import_file("notes.csv", csv_of(20))
    await lose(import_side, 7)

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"records_embedded": 7}, [])


async def test_an_index_that_was_lost_as_a_whole_is_filled_again(import_side: ImportSide) -> None:
    await import_side.import_file("notes.csv", csv_of(20))
    await import_side.import_file("s.zip", conversations())
    import_side.index = InMemorySearchIndex(dimension=import_side.embedder.dimension)

    report = await import_side.repair()

    assert report.problems == []
    assert await import_side.index.count() == 22


async def test_lost_passages_are_written_again(import_side: ImportSide) -> None:
    await import_side.import_file("s.zip", conversations())
    await lose(import_side, 1)

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"groups_written": 1}, [])


async def test_stores_that_agree_are_left_alone(import_side: ImportSide) -> None:
    await import_side.import_file("notes.csv", csv_of(20))
    generation = await import_side.metadata.events.generation()

    report = await import_side.repair()

    assert report == RepairReport(repaired={}, waiting={}, problems=[])
    assert await import_side.metadata.events.generation() == generation


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("dies_at", [1, 2])
async def test_a_repair_that_died_is_taken_up_by_the_next(
    import_side: ImportSide, dies_at: int, after: bool
) -> None:
    await import_side.import_file("notes.csv", csv_of(20))
    await import_side.import_file("s.zip", conversations())
    import_side.index = InMemorySearchIndex(dimension=import_side.embedder.dimension)
    mortal = MortalWriter(import_side.index, dies_at=dies_at, after=after)
    with pytest.raises(Killed):
        await import_side.repair(index=mortal)  # type: ignore[arg-type]

    report = await import_side.repair()

    assert report.problems == []
    assert await import_side.index.count() == 22


async def test_records_that_were_never_confirmed_are_embedded(
    import_side: ImportSide, postgres_dsn: str
) -> None:
    await import_side.import_file("notes.csv", csv_of(5))
    await execute(postgres_dsn, "UPDATE parsed_content SET indexed_hash = NULL")

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"records_embedded": 5}, [])


async def test_passages_that_are_out_of_date_are_written(
    import_side: ImportSide, postgres_dsn: str
) -> None:
    await import_side.import_file("s.zip", conversations())
    await execute(
        postgres_dsn,
        "INSERT INTO stale_passages SELECT f.id, g.id FROM file_imports f, passage_groups g",
    )

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"files_regrouped": 1}, [])


async def test_what_another_model_embedded_is_embedded_by_that_of_the_index_in_use(
    import_side: ImportSide,
) -> None:
    await import_side.import_file("notes.csv", csv_of(5))
    await import_side.import_file("s.zip", conversations())
    import_side.embedder = CountingEmbedder(dimension=64)
    import_side.index = InMemorySearchIndex(dimension=64)
    place = IndexPlace(import_side.embedder.model, 64, "", {})
    await import_side.metadata.indexes.register(place)
    assert len(await import_side.problems()) >= 9

    report = await import_side.repair()

    assert report.problems == []
    assert await import_side.index.count() == 7


async def test_a_group_without_members_goes_with_its_passages(
    import_side: ImportSide, postgres_dsn: str
) -> None:
    await import_side.import_file("s.zip", conversations())
    await execute(
        postgres_dsn,
        "DELETE FROM passage_members WHERE group_id = (SELECT min(id::text)::uuid "
        "FROM passage_groups)",
    )

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"groups_written": 1}, [])
    assert await import_side.index.count() == 1


async def test_names_that_are_out_of_date_are_rendered(
    import_side: ImportSide, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PARSERS, "json", NamingParser())  # type: ignore[arg-type]
    account = {"id": "1", "text": "an account", "names": {"account": "Acme"}}
    deal = {"id": "2", "text": "sold to <account>"}
    await import_side.import_file("deals.json", json.dumps([account, deal]).encode())
    await execute(postgres_dsn, "UPDATE record_references SET shown = 'somebody else'")

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"files_renamed": 1}, [])


async def test_a_chunk_of_nobody_waits_for_the_grace_period(import_side: ImportSide) -> None:
    await leave_an_orphan_chunk(import_side)

    for moment in (FIRST, SOON):
        report = await import_side.repair(at=moment)

        assert (report.repaired, report.waiting) == ({}, {"chunk": 2})
        assert len(report.problems) == 2


async def test_a_chunk_of_nobody_is_removed_after_the_grace_period(
    import_side: ImportSide,
) -> None:
    await leave_an_orphan_chunk(import_side)
    await import_side.repair(at=FIRST)

    report = await import_side.repair(at=LATER)

    assert (report.repaired, report.problems) == ({"orphan_chunks_removed": 2}, [])
    assert await import_side.index.count() == 0


async def test_a_chunk_that_was_first_seen_now_is_not_removed_however_late_it_is(
    import_side: ImportSide,
) -> None:
    await import_side.repair(at=FIRST)
    await leave_an_orphan_chunk(import_side)

    report = await import_side.repair(at=LATER)

    assert report.waiting == {"chunk": 2}


async def test_a_chunk_that_found_an_owner_begins_its_grace_anew(import_side: ImportSide) -> None:
    chunks = await leave_an_orphan_chunk(import_side)
    await import_side.repair(at=FIRST)
    report = await import_side.import_file("gone.csv", csv_of(2, note="gone"))
    await import_side.repair(at=SOON)
    await import_side.delete(report.file.file_id)
    await import_side.index.upsert(chunks)

    repaired = await import_side.repair(at=LATER)

    assert repaired.waiting == {"chunk": 2}


async def test_a_chunk_that_an_import_has_in_hand_is_nobodys_orphan(
    import_side: ImportSide,
) -> None:
    import_side.index.interrupt_at = 2  # type: ignore[attr-defined]
    import_side.index.interrupts_after = True  # type: ignore[attr-defined]
    async with import_side.conducted():
        await import_side.upload("notes.csv", csv_of(30))
        await import_side.index.interrupted.wait()  # type: ignore[attr-defined]

    assert await import_side.problems() == []


async def test_an_object_without_a_file_is_removed_after_the_grace_period(
    import_side: ImportSide,
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"an upload whose process died before it was queued"

    await import_side.objects.store(pieces())
    first = await import_side.repair(at=FIRST)

    later = await import_side.repair(at=LATER)

    assert (first.waiting, len(first.problems)) == ({"object": 1}, 1)
    assert (later.repaired, later.problems) == ({"orphan_objects_removed": 1}, [])
    assert [key async for key in import_side.objects.list()] == []


async def test_a_file_whose_bytes_are_gone_is_named_with_the_fix(import_side: ImportSide) -> None:
    report = await import_side.import_file("notes.csv", csv_of(2))
    await import_side.objects.delete(report.file.object_key)

    (problem,) = (await import_side.repair()).problems

    assert "notes.csv" in problem
    assert "upload it again" in problem


async def test_a_chunk_that_is_there_twice_is_there_once_afterwards(
    import_side: ImportSide,
) -> None:
    class DoublingIndex(InMemorySearchIndex):
        """Shows chunks twice that were written before ``doubled`` was set, until removed."""

        doubled: Counter[ChunkId]

        async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
            self.doubled -= Counter(chunk_ids)
            await super().delete(chunk_ids)

        async def chunk_ids(self) -> AsyncIterator[Sequence[ChunkId]]:
            async for page in super().chunk_ids():
                yield [*page, *self.doubled]

    index = DoublingIndex(dimension=import_side.embedder.dimension)
    index.doubled = Counter()
    import_side.index = index
    await import_side.import_file("notes.csv", csv_of(3))
    index.doubled = Counter((await all_chunks(index))[:1])

    report = await import_side.repair()

    assert (report.repaired, report.problems) == ({"records_embedded": 1}, [])


async def test_verify_names_nothing_that_a_running_import_has_in_hand(
    import_side: ImportSide,
) -> None:
    class VerifyingIndex(InMemorySearchIndex):
        """Compares all stores after every write, while the import waits."""

        problems: tuple[str, ...] = ()

        async def upsert(self, chunks: Sequence[EmbeddedChunk]) -> None:
            await super().upsert(chunks)
            self.problems += tuple(await import_side.problems())

        async def delete(self, chunk_ids: Sequence[ChunkId]) -> None:
            await super().delete(chunk_ids)
            self.problems += tuple(await import_side.problems())

    index = VerifyingIndex(dimension=import_side.embedder.dimension)
    import_side.index = index
    await import_side.import_file("notes.csv", csv_of(25))
    report = await import_side.import_file("s.zip", conversations())
    await import_side.delete(report.file.file_id)

    assert index.problems == ()
