"""What only a search index on a disk has to prove: crashes, several processes, damage, size."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Event

import numpy as np
import orjson
import pytest

from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.adapters.tantivy_faiss.folding import MIN_ROWS, Fold, plan
from actors.adapters.tantivy_faiss.index import SEARCH_THREADS, TantivySearchIndex
from actors.adapters.tantivy_faiss.segments import MANIFEST, MAX_SEGMENT_ROWS
from domain.errors import DimensionMismatchError, IndexUnavailableError
from domain.models.chunks import Chunk, EmbeddedChunk
from domain.models.ids import FileId, RecordId, derive_chunk_id
from domain.models.records import ContentType, Place, Record
from domain.models.search import Match, SearchFilter

DIMENSION = 8
EVERYTHING = SearchFilter()
FEW_ROWS = 64

ENDLESS_WRITER = """
import asyncio, sys
from pathlib import Path
from actors.adapters.tantivy_faiss import folding, index
from tests.integration.test_tantivy_index import DIMENSION, numbered

folding.MIN_ROWS = 50

async def main():
    opened = await index.TantivySearchIndex.open(Path(sys.argv[1]), dimension=DIMENSION)
    for batch in range(10_000):
        await opened.upsert([numbered(n) for n in range(batch * 50, batch * 50 + 75)])
        print(batch, flush=True)
        await opened.optimize()

asyncio.run(main())
"""


def numbered(number: int, dimension: int = DIMENSION) -> EmbeddedChunk:
    text = f"pump number {number}"
    source = "slack" if number % 10 else "csv"
    record = Record(source, str(number), ContentType.MESSAGE, text, Place(0, 1))
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    chunk_id = derive_chunk_id(RecordId(record.record_id), 0, "test")
    chunk = Chunk(chunk_id, record, 0, text, 0, len(text))
    return EmbeddedChunk(chunk, FileId(record.record_id), vector / np.linalg.norm(vector))


async def open_index(directory: Path, *, dimension: int = DIMENSION) -> TantivySearchIndex:
    return await TantivySearchIndex.open(directory, dimension=dimension)


async def all_ids(index: TantivySearchIndex) -> list[object]:
    return [chunk_id async for page in index.chunk_ids() for chunk_id in page]


@contextmanager
def busy_threads(index: TantivySearchIndex) -> Iterator[None]:
    """All threads of the index have something to do until the block ends."""
    is_over = Event()
    for _ in range(SEARCH_THREADS):
        index._threads.submit(is_over.wait)
    try:
        yield
    finally:
        is_over.set()


def start_writer(directory: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", ENDLESS_WRITER, str(directory)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def few_rows_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small graphs are made of few vectors."""
    monkeypatch.setattr("actors.adapters.tantivy_faiss.folding.MIN_ROWS", FEW_ROWS)


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
    found = await index.search_vector(numbered(3).embedding, limit=1, where=EVERYTHING)
    assert len(ids) == len(set(ids)) >= last * 50 + 75
    assert (len(ids) - 75) % 50 == 0
    assert found[0].read().text == "pump number 3"
    await index.upsert([numbered(n) for n in range(len(ids))])
    assert await index.count() == len(ids)


@pytest.mark.slow
async def test_of_two_processes_that_create_the_index_one_writes(tmp_path: Path) -> None:
    with start_writer(tmp_path) as first:
        assert first.stdout is not None
        await asyncio.to_thread(first.stdout.readline)
        second = await open_index(tmp_path)
        with pytest.raises(IndexUnavailableError, match="another process writes"):
            await second.upsert([numbered(1)])
        first.kill()


async def test_a_reader_sees_other_writes_after_refresh(tmp_path: Path) -> None:
    writer, reader = await open_index(tmp_path), await open_index(tmp_path)
    await writer.upsert([numbered(1)])
    assert await reader.count() == 0
    await reader.refresh()
    assert await reader.count() == 1
    (found,) = await reader.search_vector(numbered(1).embedding, limit=5, where=EVERYTHING)
    assert found.read().text == "pump number 1"


@pytest.mark.usefixtures("few_rows_fold")
async def test_a_reader_goes_on_with_what_it_saw_when_graphs_are_replaced(tmp_path: Path) -> None:
    writer = await open_index(tmp_path)
    await writer.upsert([numbered(n) for n in range(100)])
    await writer.optimize()
    reader = await open_index(tmp_path)
    await writer.upsert([numbered(n) for n in range(100, 200)])
    await writer.optimize()

    before = await reader.search_vector(numbered(7).embedding, limit=300, where=EVERYTHING)
    await reader.refresh()
    after = await reader.search_vector(numbered(7).embedding, limit=300, where=EVERYTHING)

    assert (len(before), len(after)) == (100, 200)


async def test_a_short_search_of_few_chunks_waits_for_no_thread(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    await index.refresh()
    with busy_threads(index):
        async with asyncio.timeout(10):
            found = await index.search_keyword("pump", limit=1, where=EVERYTHING)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "where", "at_once"),
    [
        ("pump", SearchFilter(sources=("slack",)), 200_000),
        ("pump " * 99, EVERYTHING, 200_000),
        ("pump", EVERYTHING, 1),
    ],
    ids=["filtered", "of a long text", "of many chunks"],
)
async def test_a_search_that_may_take_long_leaves_the_event_loop_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, where: SearchFilter, at_once: int
) -> None:
    monkeypatch.setattr("actors.adapters.tantivy_faiss.index.SEARCHED_AT_ONCE", at_once)
    index = await open_index(tmp_path)
    await index.upsert([numbered(1), numbered(2)])
    await index.refresh()
    with busy_threads(index):
        search = asyncio.create_task(index.search_keyword(text, limit=9, where=where))
        done, _ = await asyncio.wait({search}, timeout=0.05)
        assert not done
    assert len(await search) == 2


async def test_an_index_of_another_dimension_is_refused_with_the_fix(tmp_path: Path) -> None:
    await (await open_index(tmp_path)).close()
    with pytest.raises(DimensionMismatchError, match="vectors of length 8, the embedder makes 5"):
        await open_index(tmp_path, dimension=5)


async def test_a_damaged_index_is_refused_with_the_fix(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    await index.close()
    (tmp_path / "meta.json").write_bytes(b"garbage")
    with pytest.raises(IndexUnavailableError, match="import the files again"):
        await open_index(tmp_path)


@pytest.mark.parametrize("gone", ["meta.json", "index.json", "*.store"])
async def test_an_index_that_lacks_a_part_is_refused_with_the_fix(
    tmp_path: Path, gone: str
) -> None:
    index = await open_index(tmp_path)
    await index.upsert([numbered(1)])
    await index.close()
    for path in tmp_path.glob(gone):
        path.unlink()
    with pytest.raises(IndexUnavailableError, match="move that directory away"):
        await open_index(tmp_path)


async def test_a_file_in_place_of_the_directory_is_an_index_error(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a directory")
    with pytest.raises(IndexUnavailableError):
        await open_index(tmp_path / "index")


@pytest.mark.usefixtures("few_rows_fold")
@pytest.mark.parametrize("part", ["faiss", "numbers", "rows", "ends"])
@pytest.mark.parametrize("damage", ["cut short", "gone"])
async def test_a_graph_that_cannot_be_read_is_made_up_for_and_made_again(
    tmp_path: Path, damage: str, part: str
) -> None:
    await write_folded(tmp_path, 100)
    (path,) = tmp_path.glob(f"*.{part}")
    path.write_bytes(path.read_bytes()[:-100]) if damage == "cut short" else path.unlink()

    index = await open_index(tmp_path)
    found = await index.search_vector(numbered(3).embedding, limit=100, where=EVERYTHING)
    await index.optimize()

    assert (found[0].read().text, len(found)) == ("pump number 3", 100)
    assert await index.segment_rows() == [100]
    await index.close()


@pytest.mark.usefixtures("few_rows_fold")
async def test_graphs_of_a_format_before_are_made_up_for_and_made_again(tmp_path: Path) -> None:
    await write_folded(tmp_path, 100)
    manifest = tmp_path / MANIFEST
    segments = orjson.loads(manifest.read_bytes())["segments"]
    for segment in segments:
        del segment["row_bytes"]
    manifest.write_bytes(orjson.dumps({"segments": segments}))

    index = await open_index(tmp_path)
    found = await index.search_vector(numbered(3).embedding, limit=100, where=EVERYTHING)
    await index.optimize()

    assert (found[0].read().text, len(found)) == ("pump number 3", 100)
    assert await index.segment_rows() == [100]
    assert len(list(tmp_path.glob("*.faiss"))) == 1
    await index.close()


async def write_folded(directory: Path, count: int) -> None:
    index = await open_index(directory)
    await index.upsert([numbered(n) for n in range(count)])
    await index.optimize()
    await index.close()


@pytest.mark.usefixtures("few_rows_fold")
async def test_what_is_in_graphs_is_shown_as_it_was_when_it_was_fresh(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    shown = []
    for start in (0, 100):
        await index.upsert([numbered(n) for n in range(start, start + 100)])
        for _ in range(2):
            found = await index.search_keyword("pump", limit=200, where=EVERYTHING)
            by_id = sorted((match.record_id, match) for match in found)
            shown.append([(one.read(), one.source_type, one.timestamp) for _, one in by_id])
            vectors = np.stack([one.vector for _, one in by_id if one.vector is not None])
            shown[-1].append(vectors.astype(np.float16).tobytes())
            await index.optimize()
    await index.close()
    assert (shown[0], shown[2]) == (shown[1], shown[3])


@pytest.mark.usefixtures("few_rows_fold")
async def test_graphs_find_what_comparing_all_finds(tmp_path: Path) -> None:
    dimension, rows = 32, 3_000
    index = await open_index(tmp_path, dimension=dimension)
    chunks = [numbered(n, dimension) for n in range(rows)]
    await index.upsert(chunks[:2_000])
    await index.optimize()
    await index.upsert(chunks[2_000:])
    matrix = np.stack([each.embedding for each in chunks])
    recalls = [await recall_at_10(index, chunks, matrix @ matrix[n]) for n in range(0, rows, 100)]
    assert sum(recalls) / len(recalls) >= 0.95


@pytest.mark.usefixtures("few_rows_fold")
@pytest.mark.parametrize("limit", [1, 10, 60])
async def test_a_filter_finds_the_nearest_of_those_that_satisfy_it(
    tmp_path: Path, limit: int
) -> None:
    index = await open_index(tmp_path)
    chunks = [numbered(n) for n in range(600)]
    await index.upsert(chunks)
    await index.optimize()
    query, csv = numbered(1_000).embedding, chunks[::10]
    expected = sorted((float(each.embedding @ query) for each in csv), reverse=True)[:limit]

    found = await index.search_vector(query, limit=limit, where=SearchFilter(sources=("csv",)))

    assert [match.score for match in found] == pytest.approx(expected, abs=1e-3)
    assert {match.source_type for match in found} == {"csv"}


SAID = ["renewal", "Renewal", "price", "x_price", "価格", "契約更新", "C++"]
DAYS = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]


def spoken(number: int, random: Random) -> EmbeddedChunk:
    """A chunk of few words, with odd characters, names and places."""
    text = random.choice([" ", "\n", "."]).join(random.choices(SAID, k=4))
    speakers = random.choice([[], ["Bob"], ["Bob", "Lee Ann"]])
    chunk = numbered(number)
    record = replace(
        chunk.chunk.record,
        title=random.choice([None, "price list", "契約"]),
        author=random.choice([None, "Ann Lee", "ann_lee", "Joanne", "田中太郎"]),
        timestamp=random.choice([None, *DAYS]),
        metadata={"channel": random.choice(["Sales", "ops"]), "speaker": speakers},
    )
    return replace(chunk, chunk=replace(chunk.chunk, record=record, text=text))


TEXT_FILTERS = [
    SearchFilter(phrases=("renewal",)),
    SearchFilter(phrases=("price renewal",)),
    SearchFilter(phrases=("契約",), authors=("lee",)),
    SearchFilter(phrases=("++",)),
    SearchFilter(phrases=("price 契約更新",), excluded=("x_price",)),
    SearchFilter(excluded=("renewal", "価格")),
    SearchFilter(excluded=("更新",)),
    SearchFilter(authors=("ann",), places=("sales",)),
    SearchFilter(authors=("lee ann", "太郎"), sources=("slack",)),
    SearchFilter(authors=("nobody",)),
    SearchFilter(places=("OPS",), until=datetime(2024, 1, 3, tzinfo=UTC)),
]


@pytest.mark.usefixtures("few_rows_fold")
@pytest.mark.parametrize("limit", [5, 300])
async def test_what_looks_into_texts_finds_what_reading_all_finds(
    tmp_path: Path, limit: int
) -> None:
    random = Random(7)
    chunks = [spoken(n, random) for n in range(300)]
    index, memory = await open_index(tmp_path), InMemorySearchIndex(dimension=DIMENSION)
    for each in (index, memory):
        await each.upsert(chunks[:200])
        await each.optimize()
        await each.upsert(chunks[150:])
    query = numbered(999).embedding
    for where in TEXT_FILTERS:
        newest = [await each.newest(limit=limit, where=where) for each in (index, memory)]
        nearest = [
            await each.search_vector(query, limit=limit, where=where) for each in (index, memory)
        ]
        assert ids_of(newest[0]) == ids_of(newest[1]), where
        assert set(ids_of(nearest[0])) == set(ids_of(nearest[1])), where


def ids_of(matches: Sequence[Match]) -> list[object]:
    return [match.read().chunk_id for match in matches]


@pytest.mark.usefixtures("few_rows_fold")
async def test_fresh_and_folded_rows_are_scored_alike(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    chunks = [numbered(n) for n in range(600)]
    await index.upsert(chunks[:300])
    await index.optimize()
    await index.upsert(chunks[300:])
    vectors = {each.chunk.chunk_id: each.embedding for each in chunks}
    query = chunks[0].embedding
    found = await index.search_vector(query, limit=50, where=EVERYTHING)
    exact = [float(vectors[match.read().chunk_id] @ query) for match in found]
    assert [candidate.score for candidate in found] == pytest.approx(exact, abs=1e-3)


@pytest.mark.usefixtures("few_rows_fold")
async def test_replaced_and_deleted_chunks_take_no_place_from_living_ones(tmp_path: Path) -> None:
    index = await open_index(tmp_path)
    chunks = [numbered(n) for n in range(200)]
    await index.upsert(chunks)
    await index.optimize()
    await index.upsert(chunks[:40])
    await index.delete([each.chunk.chunk_id for each in chunks[40:60]])
    query = chunks[50].embedding
    living = [*chunks[:40], *chunks[60:]]
    expected = sorted((float(each.embedding @ query) for each in living), reverse=True)[:30]

    found = await index.search_vector(query, limit=30, where=EVERYTHING)

    assert [match.score for match in found] == pytest.approx(expected, abs=1e-3)


@pytest.mark.usefixtures("few_rows_fold")
async def test_graphs_are_built_anew_when_much_in_them_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = await open_index(tmp_path)
    chunks = [numbered(n) for n in range(300)]
    await index.upsert(chunks)
    await index.optimize()
    await index.delete([each.chunk.chunk_id for each in chunks[:200]])
    await index.optimize()
    assert await index.segment_rows() == [100]


@pytest.mark.parametrize(
    ("segments", "fresh", "living", "expected"),
    [
        pytest.param([], MIN_ROWS - 1, MIN_ROWS - 1, None, id="too few"),
        pytest.param([], MIN_ROWS, MIN_ROWS, Fold(0, extends=False), id="the first"),
        pytest.param([9_000], 2_000, 11_000, Fold(0, extends=True), id="extends the last"),
        pytest.param(
            [MAX_SEGMENT_ROWS, 5_000],
            2_000,
            MAX_SEGMENT_ROWS + 7_000,
            Fold(1, extends=True),
            id="full ones stay",
        ),
        pytest.param(
            [MAX_SEGMENT_ROWS],
            2_000,
            MAX_SEGMENT_ROWS + 2_000,
            Fold(1, extends=False),
            id="a full one is followed by another",
        ),
        pytest.param([10_000], 0, 7_000, Fold(0, extends=False), id="much is dead"),
        pytest.param([10_000], 0, 8_000, None, id="little is dead"),
    ],
)
def test_fresh_vectors_go_where_little_is_written_again(
    segments: list[int], fresh: int, living: int, expected: Fold | None
) -> None:
    assert plan(segments, fresh, living) == expected


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


async def recall_at_10(
    index: TantivySearchIndex, chunks: Sequence[EmbeddedChunk], cosines: np.ndarray
) -> float:
    query = chunks[int(np.argmax(cosines))].embedding
    exact = {chunks[n].chunk.chunk_id for n in np.argsort(-cosines)[:10]}
    found = await index.search_vector(query, limit=10, where=EVERYTHING)
    return len(exact & {match.read().chunk_id for match in found}) / 10
