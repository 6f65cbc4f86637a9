"""How the settings and the index in use go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from actors.active_index import (
    AbsentEmbedder,
    check_model,
    chosen_recipe,
    location_of,
    model_note,
    place_of,
    recipe_of,
    settings_for,
)
from actors.adapters.memory.clock import FakeClock
from actors.adapters.memory.hash_embedder import HashEmbedder
from actors.adapters.memory.search_index import InMemorySearchIndex
from actors.index_in_use import (
    CLOSE_AFTER_SECONDS,
    CurrentEmbedder,
    CurrentIndex,
    IndexInUse,
    Searched,
)
from actors.settings import EmbedderSettings, Settings
from domain.errors import FatalImportError, InvalidQueryError, ModelUnavailableError
from domain.models.indexes import IndexPlace
from domain.models.search import Query
from pipelines.engine_in_use import EngineInUse
from pipelines.querying import QueryEngine

HASH = EmbedderSettings(backend="hash")
SMALL = IndexPlace("hash-8", 8, "", recipe_of(EmbedderSettings(backend="hash", hash_dimension=8)))
LARGE = IndexPlace("hash-16", 16, "hash_16", {})


def searched(place: IndexPlace) -> Searched:
    index = InMemorySearchIndex(dimension=place.dimension)
    return Searched(place, index, HashEmbedder(dimension=place.dimension))


def test_a_recipe_opens_the_same_model_under_other_settings() -> None:
    settings = settings_for(Settings(), recipe_of(HASH))

    assert settings.embedder.backend == "hash"


def test_a_recipe_of_an_unknown_form_names_the_fix() -> None:
    with pytest.raises(ModelUnavailableError, match="headrace reindex"):
        settings_for(Settings(), {"backend": "hash", "crystals": 3})


def test_how_fast_a_model_runs_is_no_part_of_its_recipe() -> None:
    assert recipe_of(HASH) == recipe_of(EmbedderSettings(backend="hash", import_sessions=9))


@pytest.mark.parametrize(
    ("chosen", "field", "value"),
    [
        ("hash:64", "hash_dimension", 64),
        ("sentence-transformers:some/model", "sentence_transformers_model", "some/model"),
        ("onnx:/models/other", "model_directory", "/models/other"),
        ("openvino:/models/other", "model_directory", "/models/other"),
    ],
)
def test_a_model_is_named_by_backend_and_name(chosen: str, field: str, value: object) -> None:
    recipe = chosen_recipe(HASH, chosen)

    assert (recipe["backend"], recipe[field]) == (chosen.partition(":")[0], value)


def test_a_recipe_names_the_model_that_auto_stands_for() -> None:
    assert recipe_of(EmbedderSettings())["backend"] in ("onnx", "openvino")


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_an_index_of_either_cpu_model_is_what_auto_wishes(backend: str) -> None:
    place = replace(SMALL, recipe=recipe_of(EmbedderSettings(backend=backend)))
    assert model_note(Settings(embedder=EmbedderSettings()), place) is None


def test_a_model_that_was_chosen_is_missed_in_an_index_of_another() -> None:
    place = replace(SMALL, recipe=recipe_of(EmbedderSettings(backend="onnx")))
    wanted = Settings(embedder=EmbedderSettings(backend="openvino"))
    assert "reindex" in (model_note(wanted, place) or "")


@pytest.mark.parametrize("chosen", ["tarot", "hash:many", "hash:0"])
def test_a_model_that_cannot_be_is_refused(chosen: str) -> None:
    with pytest.raises(InvalidQueryError):
        chosen_recipe(HASH, chosen)


def test_the_first_index_lies_at_the_top_and_others_under_their_names() -> None:
    embedder = HashEmbedder(dimension=8)

    assert place_of(embedder, {}, is_first=True).location == ""
    assert place_of(embedder, {}).location == location_of("hash-8") != location_of("hash 8")


def test_settings_that_name_the_model_in_use_need_no_note() -> None:
    settings = Settings(embedder=EmbedderSettings(backend="hash", hash_dimension=8))

    assert model_note(settings, SMALL) is None


def test_settings_that_name_another_model_are_told_the_fix() -> None:
    note = model_note(Settings(embedder=HASH), SMALL) or ""

    assert "hash:384" in note
    assert "hash:8" in note
    assert "headrace reindex" in note


def test_a_model_with_vectors_of_another_length_is_named_with_the_fix() -> None:
    with pytest.raises(ModelUnavailableError, match="headrace reindex"):
        check_model(HashEmbedder(dimension=16), SMALL)


async def test_without_its_model_an_index_is_searched_by_words() -> None:
    absent = AbsentEmbedder(SMALL, FatalImportError("no such directory"))
    engine = QueryEngine(InMemorySearchIndex(dimension=8), absent)

    answer = await engine.answer(Query("anything"))

    assert answer.degraded == ("vector",)


async def test_another_index_is_taken_up_with_its_model() -> None:
    opened = searched(LARGE)

    async def open_other(place: IndexPlace) -> Searched:
        return opened

    in_use = IndexInUse(searched(SMALL), open_other=open_other, clock=FakeClock())

    assert await in_use.follow(LARGE)
    assert in_use.present is opened
    assert not await in_use.follow(LARGE)


async def test_an_index_that_cannot_be_opened_leaves_the_one_before_in_use() -> None:
    async def open_other(place: IndexPlace) -> Searched:
        raise ModelUnavailableError("not here")

    in_use = IndexInUse(searched(SMALL), open_other=open_other, clock=FakeClock())

    assert not await in_use.follow(LARGE)
    assert in_use.present.place == SMALL


async def test_the_index_before_is_closed_when_its_queries_have_ended() -> None:
    class ClosingIndex(InMemorySearchIndex):
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True

    old = ClosingIndex(dimension=8)

    async def open_other(place: IndexPlace) -> Searched:
        return searched(place)

    clock = FakeClock()
    first = Searched(SMALL, old, HashEmbedder(dimension=8))
    in_use = IndexInUse(first, open_other=open_other, clock=clock)
    await in_use.follow(LARGE)
    assert not old.is_closed

    clock.advance(CLOSE_AFTER_SECONDS)
    await in_use.follow(LARGE)

    assert old.is_closed


async def test_a_query_keeps_the_index_that_it_began_with() -> None:
    """Vectors of one model never meet an index of another, whenever it is changed."""
    present = searched(SMALL)

    class ChangingEmbedder(HashEmbedder):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            nonlocal present
            present = searched(LARGE)
            return super().embed(texts)

    present = Searched(SMALL, present.index, ChangingEmbedder(dimension=8))
    engine = EngineInUse(lambda: (present.index, present.embedder), QueryEngine)

    answers = [await engine.answer(Query("anything")) for _ in range(2)]

    assert [answer.degraded for answer in answers] == [(), ()]
    assert present.place == LARGE


async def test_the_current_index_is_the_one_in_use() -> None:
    async def open_other(place: IndexPlace) -> Searched:
        return searched(place)

    in_use = IndexInUse(searched(SMALL), open_other=open_other, clock=FakeClock())
    index, embedder = CurrentIndex(in_use), CurrentEmbedder(in_use)
    assert (index.dimension, embedder.model) == (8, "hash-8")

    await in_use.follow(LARGE)

    assert (index.dimension, embedder.model) == (16, "hash-16")
    assert await index.count() == 0
