"""Which engine an index is opened with: no setting makes one that is there look empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.adapters.lancedb.index import LanceSearchIndex
from actors.adapters.tantivy_faiss.index import TantivySearchIndex
from actors.bootstrap import drop_index, open_index
from actors.index_engine import engine_note, engine_of
from actors.settings import Settings
from actors.store_settings import SearchBackend, SearchSettings
from tests.integration.test_tantivy_index import DIMENSION, numbered

ENGINES = {SearchBackend.TANTIVY: TantivySearchIndex, SearchBackend.LANCEDB: LanceSearchIndex}


def settings(data_dir: Path, engine: SearchBackend | None = None) -> Settings:
    search = SearchSettings(backend=engine) if engine else SearchSettings()
    return Settings(data_dir=data_dir, search=search)


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
    index = await open_index(settings(tmp_path), dimension=DIMENSION)
    await index.close()
    assert isinstance(index, TantivySearchIndex)
    assert engine_note(settings(tmp_path)) is None


@pytest.mark.parametrize("there", ENGINES)
@pytest.mark.parametrize("wanted", ENGINES)
async def test_an_index_that_is_there_stays_in_use(
    tmp_path: Path, there: SearchBackend, wanted: SearchBackend
) -> None:
    await fill(settings(tmp_path, there))
    index = await open_index(settings(tmp_path, wanted), dimension=DIMENSION)
    found = await index.count()
    await index.close()
    assert (type(index), found) == (ENGINES[there], 1)


async def test_whoever_keeps_an_index_of_lancedb_is_told_how_to_move_it(tmp_path: Path) -> None:
    await fill(settings(tmp_path, SearchBackend.LANCEDB))
    assert "headrace migrate" in (engine_note(settings(tmp_path)) or "")
    assert engine_note(settings(tmp_path, SearchBackend.LANCEDB)) is None


async def test_an_index_of_another_model_is_made_by_the_engine_of_the_settings(
    tmp_path: Path,
) -> None:
    await fill(settings(tmp_path, SearchBackend.LANCEDB))
    await fill(settings(tmp_path), location="other")
    chosen = settings(tmp_path)
    assert (engine_of(chosen), engine_of(chosen, "other")) == (
        SearchBackend.LANCEDB,
        SearchBackend.TANTIVY,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dropped", ["", "other"])
async def test_a_dropped_index_is_gone_and_the_others_are_not(
    tmp_path: Path, engine: SearchBackend, dropped: str
) -> None:
    chosen = settings(tmp_path, engine)
    for location in ("", "other"):
        await fill(chosen, location)
    await drop_index(chosen, dropped)
    await drop_index(chosen, dropped)
    counts = {location: await count(chosen, location) for location in ("", "other")}
    assert counts == {"": 1, "other": 1} | {dropped: 0}
