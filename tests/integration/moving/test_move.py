"""Everything moves to other stores, whatever interrupts it, and answers stay the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.postgres.long_connection import long_connection, refuse_services
from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.row_source import reading
from actors.adapters.postgres.tables import keys_of, tables_of
from domain.chunking import ChunkLimits
from domain.errors import ConflictError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.files import ProcessingStatus
from domain.models.ids import FileId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.related import EntitySummary
from domain.models.search import EVERYTHING
from domain.ports.metadata_store import MetadataStore
from pipelines.linking import Linker
from tests.integration.moving.sides import Target, answers, disk_index, filled, loaded
from tests.integration.pipelines.conftest import CountingEmbedder, ImportSide, csv_of


async def test_a_move_that_was_interrupted_twice_ends_verified_with_the_same_answers(
    import_side: ImportSide, target: Target, postgres_dsn: str, tmp_path: Path
) -> None:
    async with disk_index(tmp_path / "a") as old, disk_index(tmp_path / "b") as new:
        source = await filled(replace(import_side, index=old))
        target = replace(target, index=new)
        await old.optimize()
        async with loaded(source, postgres_dsn) as load:
            await target.die_among_rows(load)
        async with loaded(source, postgres_dsn) as load:
            await target.die_among_chunks(load, upserts=2)
        async with loaded(source, postgres_dsn) as load:
            report = await target.take(load)

        assert report.problems == []
        assert await answers(new) == await answers(old)
        assert await new.count() == await old.count()
        assert target.embedder.texts_embedded == 0


async def test_what_was_moved_imports_on(
    source: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(source, postgres_dsn) as load:
        await target.take(load)
    async with target.open() as side:
        again = await side.import_file("rows.csv", csv_of(110))
        assert again.ledger.read == 110
        assert await side.problems() == []


async def test_entities_and_what_people_decided_come_along(
    source: ImportSide, target: Target, postgres_dsn: str
) -> None:
    people = b"name,email\nAnn Lee,a@k.example\nBo Agnew,b@k.example\n"
    await source.import_file("people.csv", people)
    await Linker(source.metadata.linking).drain()
    one, other = await found_people(source.metadata)
    await source.metadata.entities.join(one.id, other.id)
    async with loaded(source, postgres_dsn) as load:
        report = await target.take(load)

    async with target.open() as side:
        before = await found_people(side.metadata)
        await Linker(side.metadata.linking).drain()
        after = await found_people(side.metadata)
        assert report.problems == await side.problems() == []
    assert before == [one, other]
    assert [person.records for person in after] == [2, 2]


async def found_people(metadata: MetadataStore) -> list[EntitySummary]:
    """Who has either address."""
    return [
        (await metadata.entities.find(address, kinds=(), limit=1, scope=EVERYTHING))[0]
        for address in ("a@k.example", "b@k.example")
    ]


async def test_a_source_that_has_changed_since_is_not_mixed_with_what_was_moved(
    source: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(source, postgres_dsn) as load:
        await target.die_among_rows(load)
    await source.import_file("more.csv", csv_of(5, note="more"))
    async with loaded(source, postgres_dsn) as load:
        with pytest.raises(ConflictError, match="--start-over"):
            await target.take(load)
        report = await target.take(load, start_over=True)
    assert (report.problems, await target.index.count()) == ([], await source.index.count())


async def test_no_service_starts_on_a_database_that_is_half_filled(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(small, postgres_dsn) as load:
        await target.die_among_rows(load)
    with pytest.raises(ConflictError, match="run it again"):
        await migrate(target.dsn)


async def test_a_target_that_holds_files_is_refused(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(small, postgres_dsn) as load:
        await target.take(load)
        with pytest.raises(ConflictError, match="holds files already"):
            await target.take(load)


async def test_an_index_that_holds_chunks_of_others_is_refused_and_left_alone(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    await target.index.upsert([a_chunk()])
    async with loaded(small, postgres_dsn) as load:
        for start_over in (False, True):
            with pytest.raises(ConflictError, match="holds 1 chunks already"):
                await target.take(load, start_over=start_over)
    assert await target.index.count() == 1


async def test_a_move_that_is_begun_anew_empties_the_index_that_it_has_begun_to_fill(
    source: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(source, postgres_dsn) as load:
        await target.die_among_chunks(load, upserts=2)
        await target.index.upsert([a_chunk()])
        await target.die_among_rows(load, start_over=True)
        report = await target.take(load)
    assert report.problems == []


def a_chunk() -> EmbeddedChunk:
    record = Record("csv", "1", ContentType.RECORD, "left over", Place(0, 9))
    chunk_id = derive_chunk_id(record.record_id, 0, "hash-384")
    [vector] = HashEmbedder().embed(["left over"])
    return EmbeddedChunk(Chunk(chunk_id, record, 0, "left over", 0, 9), FileId(uuid4()), vector)


async def test_a_target_with_another_embedder_is_refused(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    class Other(CountingEmbedder):
        model = "another-model"

    async with loaded(small, postgres_dsn) as load:
        with pytest.raises(ConflictError, match="HEADRACE_EMBEDDER"):
            await replace(target, embedder=Other()).take(load)


async def test_texts_cut_otherwise_by_now_are_embedded_anew_and_counted(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    async with loaded(small, postgres_dsn) as load:
        report = await target.take(replace(load, limits=ChunkLimits(16, 0)))
    assert report.problems == []
    assert report.filled.embedded == target.embedder.texts_embedded > 0


async def test_an_object_whose_bytes_have_changed_stops_the_move(
    small: ImportSide, target: Target, postgres_dsn: str, tmp_path: Path
) -> None:
    key = await anext(small.objects.list())
    path = tmp_path / "objects" / key
    path.write_bytes(b"x" * path.stat().st_size)
    async with loaded(small, postgres_dsn) as load:
        with pytest.raises(ConflictError, match="not those that were uploaded"):
            await target.take(load)


async def test_an_unfinished_file_goes_on_where_it_was_moved_to(
    small: ImportSide, target: Target, postgres_dsn: str
) -> None:
    waiting = await small.upload("later.csv", csv_of(30, note="later"))
    async with loaded(small, postgres_dsn) as load:
        report = await target.take(load)
    async with target.open() as side, side.conducted():
        finished = await side.finished(waiting)
        assert report.problems == []
        assert (finished.file.status, finished.ledger.read) == (ProcessingStatus.COMPLETED, 30)
        assert await side.problems() == []


async def test_stores_that_a_service_uses_are_refused(small: ImportSide, postgres_dsn: str) -> None:
    await small.metadata.ping()
    with pytest.raises(ConflictError, match="headrace down"):
        await refuse_services(postgres_dsn, "the source")


async def test_a_source_of_another_version_is_refused(bare_dsn: str) -> None:
    await migrate(bare_dsn, up_to=2)
    with pytest.raises(ConflictError, match="another version"):
        async with reading(bare_dsn):
            pass


async def test_every_table_has_a_primary_key_by_which_it_can_be_moved(postgres_dsn: str) -> None:
    async with long_connection(postgres_dsn) as connection:
        tables, keys = await tables_of(connection), await keys_of(connection)
    assert [table.name for table in tables if table.name not in keys] == []
