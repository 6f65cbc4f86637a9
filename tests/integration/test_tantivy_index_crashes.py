"""Processes that are killed, and disks that are full, while an index is written to."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from domain.errors import IndexUnavailableError
from domain.models.search import SearchFilter
from tests.chaos.small_disk import SmallDisk
from tests.integration.test_tantivy_index import DIMENSION, all_ids, numbered, open_index

EVERYTHING = SearchFilter()
FIRST, SECOND = 600, 2_400

DYING_WRITER = """
import asyncio, os, signal, sys, threading
from pathlib import Path
from actors.adapters.tantivy_faiss import folding, index, segments
from tests.integration.test_tantivy_index_crashes import DIMENSION, FIRST, SECOND, numbered

directory, point, number = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
folding.MIN_ROWS = 50
calls = 0

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def die_at_call(work):
    def counted(*arguments):
        global calls
        calls += 1
        if calls == number:
            die()
        return work(*arguments)
    return counted

async def main():
    opened = await index.TantivySearchIndex.open(directory, dimension=DIMENSION)
    await opened.upsert([numbered(n) for n in range(FIRST)])
    await opened.optimize()
    more = [numbered(n) for n in range(FIRST // 2, FIRST + SECOND)]
    if point == "commit":
        threading.Timer(number, die).start()
        await opened.upsert(more)
    else:
        await opened.upsert(more)
        segments._sync = die_at_call(segments._sync)
        await opened.optimize()
    print("survived", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


CHANGING_WRITER = """
import asyncio, sys
from pathlib import Path
from actors.adapters.tantivy_faiss import folding, index
from tests.integration.test_tantivy_index_crashes import DIMENSION, numbered

folding.MIN_ROWS = 50

async def main():
    opened = await index.TantivySearchIndex.open(Path(sys.argv[1]), dimension=DIMENSION)
    for round in range(40):
        some = [numbered(n) for n in range(round * 20, round * 20 + 100)]
        await opened.upsert(some)
        await opened.delete([each.chunk.chunk_id for each in some[:40]])
        await opened.optimize()

asyncio.run(main())
"""


def let_die(directory: Path, point: str, number: float) -> str:
    """Returns what the writer has printed before it was killed."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", DYING_WRITER, str(directory), point, str(number)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    return done.stdout


async def check_whole(directory: Path, count: int) -> None:
    """All chunks are found, once each, also after they are written and folded in again."""
    index = await open_index(directory)
    assert await index.count() == count
    for _ in range(2):
        ids = await all_ids(index)
        nearest = await index.search_vector(
            numbered(5).embedding, limit=count, where=SearchFilter(sources=("slack", "csv"))
        )
        assert len(ids) == len(set(ids)) == len(nearest) == count
        assert nearest[0].read().text == "pump number 5"
        await index.upsert([numbered(n) for n in range(count)])
        await index.optimize()
    assert sum(await index.segment_rows()) >= count
    await index.close()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
async def test_a_writer_killed_in_the_middle_of_a_commit_leaves_all_of_it_or_nothing(
    tmp_path: Path, seconds: float
) -> None:
    let_die(tmp_path, "commit", seconds)
    index = await open_index(tmp_path)
    count = await index.count()
    await index.close()
    assert count in (FIRST, FIRST + SECOND)
    await check_whole(tmp_path, count)


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5, 6])
async def test_a_writer_killed_while_it_publishes_graphs_loses_no_vector(
    tmp_path: Path, call: int
) -> None:
    """Before each of a graph's files, or their directory, is durable; after they are published."""
    assert let_die(tmp_path, "graphs", call) == ""
    await check_whole(tmp_path, FIRST + SECOND)
    names = {path.stem for path in tmp_path.glob("*.faiss")}
    assert len(names) == len(await segments(tmp_path))


@pytest.mark.slow
async def test_a_reader_finds_whole_chunks_while_another_process_changes_them(
    tmp_path: Path,
) -> None:
    index = await open_index(tmp_path)
    root = Path(__file__).parents[2]
    searches = 0
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHANGING_WRITER, str(tmp_path)),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    ended = asyncio.create_task(writer.wait())
    while writer.returncode is None:
        await index.refresh()
        for where in (EVERYTHING, SearchFilter(sources=("slack",), phrases=("pump",))):
            nearest, words, newest = await asyncio.gather(
                index.search_vector(numbered(searches).embedding, limit=80, where=where),
                index.search_keyword("pump", limit=80, where=where),
                index.newest(limit=80, where=where),
            )
            for matches in (nearest, words, newest):
                ids = [match.read().chunk_id for match in matches]
                assert len(ids) == len(set(ids))
        searches += 1
    await ended
    await index.refresh()
    assert (writer.returncode, await index.count()) == (0, 60)
    assert searches > 1


async def segments(directory: Path) -> list[int]:
    index = await open_index(directory)
    rows = await index.segment_rows()
    await index.close()
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 300_000, 900_000, 2_000_000])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
async def test_a_full_disk_takes_nothing_away_and_is_written_to_again_when_it_has_room(
    tmp_path: Path, room: int
) -> None:
    disk = SmallDisk(tmp_path / "disk")
    await asyncio.to_thread(disk.start)
    try:
        index = await TantivySearchIndex.open(disk.directory / "index", dimension=DIMENSION)
        await index.upsert([numbered(n) for n in range(FIRST)])
        await index.optimize()
        filler = disk.directory / "filler"
        filler.write_bytes(bytes(room))
        with disk.full():
            filler.unlink()
            with pytest.raises(IndexUnavailableError, match="is full"):
                await write_and_fold_in(index)
            count = await index.count()
            found = await index.search_keyword("pump", limit=10, where=EVERYTHING)
        await index.upsert([numbered(n) for n in range(count, count + 10)])
        await index.close()
        await check_whole(disk.directory / "index", count + 10)
        assert (len(found), count % SECOND) == (10, FIRST)
    finally:
        await asyncio.to_thread(disk.stop)


async def write_and_fold_in(index: TantivySearchIndex) -> None:
    for start in range(FIRST, 100_000, SECOND):
        await index.upsert([numbered(n) for n in range(start, start + SECOND)])
        await index.optimize()
