"""Which index lies where in the data directory, and what is made of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from actors.bootstrap import drop_index, open_index
from actors.settings import Settings
from domain.errors import IndexUnavailableError
from tests.integration.test_tantivy_index import DIMENSION, numbered


async def fill(chosen: Settings, location: str = "") -> None:
    index = await open_index(chosen, dimension=DIMENSION, location=location)
    await index.upsert([numbered(1)])
    await index.close()


async def count(chosen: Settings, location: str = "") -> int:
    index = await open_index(chosen, dimension=DIMENSION, location=location)
    found = await index.count()
    await index.close()
    return found


async def test_a_new_data_directory_gets_an_index_of_tantivy(tmp_path: Path) -> None:
    index = await open_index(Settings(data_dir=tmp_path), dimension=DIMENSION)
    await index.close()
    assert isinstance(index, TantivySearchIndex)


@pytest.mark.parametrize("location", ["", "other"])
async def test_an_index_of_lancedb_does_not_look_empty(tmp_path: Path, location: str) -> None:
    chosen = Settings(data_dir=tmp_path)
    former = chosen.index_dir / location / "chunks.lance"
    former.mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(IndexUnavailableError, match=r"is of LanceDB.*verify --repair"):
            await open_index(chosen, dimension=DIMENSION, location=location)
    former.rename(tmp_path / "moved away")
    assert await count(chosen, location) == 0


async def test_a_leftover_of_lancedb_is_in_nobody_s_way(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path)
    await fill(chosen)
    (chosen.index_dir / "chunks.lance").mkdir()
    assert await count(chosen) == 1


@pytest.mark.parametrize("dropped", ["", "other"])
async def test_a_dropped_index_is_gone_and_the_others_are_not(tmp_path: Path, dropped: str) -> None:
    chosen = Settings(data_dir=tmp_path)
    for location in ("", "other"):
        await fill(chosen, location)
    await drop_index(chosen, dropped)
    await drop_index(chosen, dropped)
    counts = {location: await count(chosen, location) for location in ("", "other")}
    assert counts == {"": 1, "other": 1} | {dropped: 0}
