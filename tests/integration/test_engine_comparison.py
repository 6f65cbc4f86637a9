"""The engines that the benchmark compares answer the same questions."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engine_kinds import FilteringEngine
from benchmarks.engines import clustered, kind_of
from domain.models.search import SearchFilter

TEXTS = [
    "the pump leaks",
    "a pump's valve leaks",
    "the seal is worn",
    "it's the pump again",
]


@pytest.mark.parametrize("name", ["tantivy", "lancedb"])
async def test_engines_find_the_same_under_the_same_conditions(name: str, tmp_path: Path) -> None:
    pytest.importorskip(name)
    vectors = clustered(len(TEXTS), seed=1)
    async with kind_of(name).opened(tmp_path / name) as engine:
        assert isinstance(engine, FilteringEngine)
        await engine.write(0, TEXTS, vectors)
        await engine.write(1, TEXTS[1:2], vectors[1:2])
        await engine.settle()
        phrase = SearchFilter(phrases=("pump leaks",))
        excluded = SearchFilter(excluded=("it's",), authors=("ada3", "ada1"))
        channel = SearchFilter(places=("Channel 2", "channel 9"))
        found = (
            list(await engine.by_words("pump", phrase)),
            sorted(await engine.by_vector(vectors[0], excluded)),
            list(await engine.by_vector(vectors[2]))[:1],
            await engine.newest(channel),
            await engine.newest(SearchFilter()),
        )
    assert found == ([0], [1], [2], 1, 4)
