"""What only a search index on a disk has to prove: crashes, several processes, damage, size."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from actors.adapters.lancedb.index import LanceSearchIndex
from domain.errors import DimensionMismatchError, IndexUnavailableError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, RecordId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import SearchFilter

DIMENSION = 8
EVERYTHING = SearchFilter()
KEEP_NOTHING = timedelta(milliseconds=1)

ENDLESS_WRITER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from actors.adapters.lancedb.index import LanceSearchIndex
from tests.integration.test_lance_index import DIMENSION, numbered

async def main():
    index = await LanceSearchIndex.open(Path(sys.argv[1]), dimension=DIMENSION)
    for batch in range(10_000):
        await index.upsert([numbered(n) for n in range(batch * 50, batch * 50 + 75)])
        print(batch, flush=True)

asyncio.run(main())
"""


def numbered(number: int, dimension: int = DIMENSION) -> EmbeddedChunk:
    text = f"pump number {number}"
    record = Record("slack", str(number), ContentType.MESSAGE, text, Place(0, 1))
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    chunk_id = derive_chunk_id(RecordId(record.record_id), 0, "test")
    chunk = Chunk(chunk_id, record, 0, text, 0, len(text))
    return EmbeddedChunk(chunk, FileId(record.record_id), vector / np.linalg.norm(vector))


async def open_index(directory: Path, **options: int) -> LanceSearchIndex:
    return await LanceSearchIndex.open(directory, **{"dimension": DIMENSION, **options})


async def all_ids(index: LanceSearchIndex) -> list[object]:
    return [chunk_id async for page in index.chunk_ids() for chunk_id in page]


def start_writer(directory: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, str(directory)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("batches", [1, 4, 9])
async def test_a_killed_writer_leaves_whole_batches_and_no_duplicate(
    tmp_path: Path, batches: int
) -> None:
    with start_writer(tmp_path) as writer:
        assert writer.stdout is not None
        for _ in range(batches):
            last = int(await asyncio.to_thread(writer.stdout.readline))
        writer.send_signal(signal.SIGKILL)
    index = await open_index(tmp_path)
    ids = await all_ids(index)
    assert len(ids) == len(set(ids)) >= last * 50 + 75
    assert (len(ids) - 75) % 50 == 0
    await index.upsert([numbered(n) for n in range(len(ids))])
    assert await index.count() == len(ids)


@pytest.mark.slow
async def test_two_processes_may_create_the_index_at_the_same_time(tmp_path: Path) -> None:
    with start_writer(tmp_path) as first, start_writer(tmp_path) as second:
        for writer in (first, second):
            assert writer.stdout is not None
            assert await asyncio.to_thread(writer.stdout.readline) == "0\n"
            writer.kill()


async def test_a_reader_sees_other_writes_after_refresh(tmp_path: Path) -> None:
    writer, reader = await open_index(tmp_path), await open_index(tmp_path)
    await writer.upsert([numbered(1)])
    assert await reader.count() == 0
    await reader.refresh()
    assert await reader.count() == 1


async def test_a_reader_survives_the_cleaning_up_of_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.adapters.lancedb.index.KEEP_VERSIONS", KEEP_NOTHING)
    writer = await open_index(tmp_path)
    await writer.upsert([numbered(n) for n in range(50)])
    reader = await open_index(tmp_path)
    for n in range(5):
        await writer.upsert([numbered(100 + n)])
    await writer.optimize()
    found = await reader.search_keyword("pump", limit=100, where=EVERYTHING)
    # All of its own version while that is still readable, else all of the newest.
    assert len(found) in (50, 55)
    await reader.refresh()
    assert len(await reader.search_keyword("pump", limit=100, where=EVERYTHING)) == 55


async def test_an_index_of_another_dimension_is_refused_with_the_fix(tmp_path: Path) -> None:
    await (await open_index(tmp_path)).close()
    with pytest.raises(DimensionMismatchError, match="vectors of length 8, the embedder makes 5"):
        await open_index(tmp_path, dimension=5)


async def test_a_damaged_index_is_refused_with_the_fix(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    await index.close()
    for manifest in (tmp_path / "chunks.lance" / "_versions").iterdir():
        manifest.write_bytes(b"garbage")
    with pytest.raises(IndexUnavailableError, match="import the files again"):
        await open_index(tmp_path)


async def test_lost_data_files_are_reported_with_the_fix(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    for data in (tmp_path / "chunks.lance" / "data").iterdir():
        data.unlink()
    fresh = await open_index(tmp_path)
    with pytest.raises(IndexUnavailableError, match="import the files again"):
        await fresh.search_keyword("pump", limit=1, where=EVERYTHING)


async def test_a_creation_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "chunks.lance" / "_versions").mkdir(parents=True)
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    assert len(await index.search_keyword("pump", limit=1, where=EVERYTHING)) == 1


async def test_a_file_in_place_of_the_directory_is_an_index_error(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a directory")
    with pytest.raises(IndexUnavailableError):
        await open_index(tmp_path / "index")


@pytest.fixture(params=["scan", "graph"])
def vector_index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The vector index that 1,000 rows and more get."""
    bound = 1_000_000 if request.param == "scan" else 1
    monkeypatch.setattr("actors.adapters.lancedb.index.GRAPH_MIN_ROWS", bound)
    return str(request.param)


@pytest.mark.usefixtures("vector_index")
async def test_a_vector_index_finds_what_brute_force_finds(tmp_path: Path) -> None:
    dimension, rows = 32, 3_000
    index = await open_index(tmp_path, dimension=dimension, vector_index_min_rows=1_000)
    chunks = [numbered(n, dimension) for n in range(rows)]
    await index.upsert(chunks[:2_000])
    await index.optimize()
    await index.upsert(chunks[2_000:])
    matrix = np.stack([each.embedding for each in chunks])
    recalls = [await recall_at_10(index, chunks, matrix @ matrix[n]) for n in range(0, rows, 100)]
    assert sum(recalls) / len(recalls) >= 0.95


@pytest.mark.usefixtures("vector_index")
async def test_fresh_and_indexed_rows_are_scored_alike(tmp_path: Path) -> None:
    dimension = 32
    index = await open_index(tmp_path, dimension=dimension, vector_index_min_rows=256)
    chunks = [numbered(n, dimension) for n in range(600)]
    await index.upsert(chunks[:300])
    await index.optimize()
    await index.upsert(chunks[300:])
    vectors = {each.chunk.chunk_id: each.embedding for each in chunks}
    query = chunks[0].embedding
    found = await index.search_vector(query, limit=50, where=EVERYTHING)
    exact = [float(vectors[match.read().chunk_id] @ query) for match in found]
    assert [candidate.score for candidate in found] == pytest.approx(exact, abs=0.02)


async def test_a_grown_index_changes_from_scan_to_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.adapters.lancedb.index.GRAPH_MIN_ROWS", 600)
    index = await open_index(tmp_path, vector_index_min_rows=256)
    kinds = []
    for start in (0, 300, 600):
        await index.upsert([numbered(n) for n in range(start, start + 300)])
        await index.optimize()
        kinds.append(await index.vector_index_type())
    assert kinds == ["IvfSq", "IvfHnswSq", "IvfHnswSq"]


async def test_rows_are_read_ahead_at_once_and_after_a_write_when_it_rests(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    at_hand = []
    for start in (0, 3):
        await index.upsert([numbered(n) for n in range(start, start + 3)])
        for _ in range(2):
            await index.read_ahead()
            at_hand.append(index.rows_at_hand)
    assert at_hand == [3, 3, 3, 6]


async def recall_at_10(
    index: LanceSearchIndex, chunks: Sequence[EmbeddedChunk], cosines: np.ndarray
) -> float:
    query = chunks[int(np.argmax(cosines))].embedding
    exact = {chunks[n].chunk.chunk_id for n in np.argsort(-cosines)[:10]}
    found = await index.search_vector(query, limit=10, where=EVERYTHING)
    return len(exact & {match.read().chunk_id for match in found}) / 10


async def test_a_rewritten_chunk_is_shown_as_it_is_now(tmp_path: Path) -> None:
    """What was read of a row stays in memory; a row that is written again must not meet it."""
    index = await open_index(tmp_path)
    before, after = numbered(1), replace(numbered(1), file_id=numbered(2).file_id)
    await index.upsert([before])
    await index.search_keyword("pump", limit=1, where=EVERYTHING)
    await index.upsert([after])
    await index.optimize()
    [found] = await index.search_keyword("pump", limit=1, where=EVERYTHING)
    await index.close()
    assert found.read().file_id == after.file_id


def spoken(text: str, author: str | None) -> EmbeddedChunk:
    made = numbered(len(text))
    record = replace(made.chunk.record, native_id=text, content=text, author=author)
    chunk_id = derive_chunk_id(RecordId(record.record_id), 0, "test")
    return replace(made, chunk=replace(made.chunk, record=record, chunk_id=chunk_id, text=text))


async def as_written_before_format_2(directory: Path, chunks: Sequence[EmbeddedChunk]) -> None:
    """Texts without what makes them found without spaces, and labels without authors."""
    index = await open_index(directory)
    await index.upsert(chunks)
    for each in chunks:
        where = f"chunk_id = '{each.chunk.chunk_id}'"
        await index._table.update(where=where, updates={"search_text": each.chunk.text})
        await index._table.update(where=where, updates_sql={"labels": "make_array('a=1')"})
    await index.close()
    (directory / "chunks.format").unlink()


async def test_an_index_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    old = [spoken("来月の契約更新について", "田中"), spoken("the pump leaks", "Ann"), numbered(3)]
    await as_written_before_format_2(tmp_path, old)
    index = await open_index(tmp_path)
    by_pair = await index.search_keyword("契約", limit=5, where=EVERYTHING)
    by_author = await index.newest(limit=5, where=SearchFilter(authors=("ann",)))
    by_label = await index.newest(limit=5, where=SearchFilter(metadata={"a": 1}))
    [kept] = await index.fetch([old[0].chunk.chunk_id])
    assert [one.read().text for one in by_pair] == ["来月の契約更新について"]
    assert [one.read().text for one in by_author] == ["the pump leaks"]
    assert (len(by_label), await index.count()) == (3, 3)
    np.testing.assert_allclose(kept.embedding, old[0].embedding, atol=1e-6)


async def test_bringing_up_to_date_again_changes_nothing(tmp_path: Path) -> None:
    await as_written_before_format_2(tmp_path, [spoken("契約更新", "田中")])
    first = await open_index(tmp_path)
    before = await first._table.query().to_arrow()
    (tmp_path / "chunks.format").unlink()
    again = await open_index(tmp_path)
    assert (await again._table.query().to_arrow()).to_pylist() == before.to_pylist()
