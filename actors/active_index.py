"""How the settings and the index in use go together: settings wish, the database knows.

The model that queries and imports use is that of the active index, whatever the settings say by
now. ``headrace reindex`` makes the wish come true.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr, ValidationError

from actors.settings import EmbedderSettings, Settings
from actors.store_settings import WeaviateSettings
from domain.errors import FatalImportError, InvalidQueryError, ModelUnavailableError
from domain.models.indexes import IndexPlace
from domain.models.records import JsonValue
from domain.ports.embedder import Embedder

Recipe = Mapping[str, JsonValue]

NOT_OF_THE_MODEL = {"device", "import_sessions"}
"""Settings that say how fast a model is, not which."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_NAME_OF_BACKEND = {
    "openvino": "model_directory",
    "onnx": "model_directory",
    "sentence-transformers": "sentence_transformers_model",
    "hash": "hash_dimension",
}


def recipe_of(embedder: EmbedderSettings) -> Recipe:
    """What the settings say about the model, without secrets; ``auto`` is decided."""
    secrets = {name for name, value in embedder if isinstance(value, SecretStr)}
    recipe: Recipe = embedder.model_dump(mode="json", exclude=NOT_OF_THE_MODEL | secrets)
    return {**recipe, "backend": embedder.used_backend}


def chosen_recipe(embedder: EmbedderSettings, model: str | None) -> Recipe:
    """The recipe of ``BACKEND`` or ``BACKEND:NAME``; that of the settings for ``None``.

    Raises:
        InvalidQueryError: no such backend, or a name that it does not take.
    """
    if model is None:
        return recipe_of(embedder)
    backend, _, name = model.partition(":")
    if backend not in _NAME_OF_BACKEND:
        known = ", ".join(sorted(_NAME_OF_BACKEND))
        raise InvalidQueryError(f"no embedder is called {backend!r}: choose one of {known}")
    fields = {"backend": backend, **({_NAME_OF_BACKEND[backend]: name} if name else {})}
    try:
        return recipe_of(EmbedderSettings.model_validate({**embedder.model_dump(), **fields}))
    except ValidationError as error:
        raise InvalidQueryError(f"{name!r} is no model of {backend}") from error


def settings_for(settings: Settings, recipe: Recipe) -> Settings:
    """The settings with the embedder that a recipe names; secrets and speed stay as they are.

    Raises:
        ModelUnavailableError: the recipe is of another version.
    """
    try:
        embedder = EmbedderSettings.model_validate({**settings.embedder.model_dump(), **recipe})
    except ValidationError as error:
        raise ModelUnavailableError(
            "the search index was made with settings that this version does not know: "
            "run 'headrace reindex'"
        ) from error
    return settings.model_copy(update={"embedder": embedder})


def place_of(embedder: Embedder, recipe: Recipe, *, is_first: bool = False) -> IndexPlace:
    """Where the index of a model lies: the first one at the top, others under their names."""
    location = "" if is_first else location_of(embedder.model)
    return IndexPlace(embedder.model, embedder.dimension, location, recipe)


def location_of(model: str) -> str:
    """A short name of letters and digits, as directories and collections take it."""
    digest = blake2b(model.encode(), digest_size=4).hexdigest()
    return f"{_NOT_IN_A_NAME.sub('_', model).strip('_')[:40]}_{digest}"


def collection_for(weaviate: WeaviateSettings, location: str) -> WeaviateSettings:
    """The first index has the collection that is named; others have it with their locations."""
    if not location:
        return weaviate
    return weaviate.model_copy(update={"collection": f"{weaviate.collection}_{location}"})


def check_model(embedder: Embedder, place: IndexPlace) -> None:
    """Make sure that an embedder is the one that an index was made with.

    Raises:
        ModelUnavailableError: it is another, or its vectors have another length.
    """
    if (embedder.model, embedder.dimension) != (place.model, place.dimension):
        raise ModelUnavailableError(
            f"the search index holds vectors of {place.model} ({place.dimension} numbers), and "
            f"the embedder is {embedder.model} ({embedder.dimension}) now: run 'headrace reindex'"
        )


def model_note(settings: Settings, place: IndexPlace) -> str | None:
    """A sentence where the settings name another model than the index in use has."""
    wanted, used = recipe_of(settings.embedder), place.recipe
    if settings.embedder.backend == "auto" and used.get("backend") in ("onnx", "openvino"):
        wanted = {**wanted, "backend": used["backend"]}
    if wanted == used:
        return None
    return (
        f"the settings name the embedder {_called(wanted)}, and the search index was made with "
        f"{_called(used)}, which stays in use: run 'headrace reindex' to change to the settings'"
    )


def _called(recipe: Recipe) -> str:
    backend = str(recipe.get("backend"))
    name = recipe.get(_NAME_OF_BACKEND.get(backend, ""))
    return f"{backend}:{name}" if name else backend


class AbsentEmbedder:
    """Takes the place of a model that cannot be loaded: the vector leg fails, the other answers."""

    def __init__(self, place: IndexPlace, reason: FatalImportError | ModelUnavailableError) -> None:
        self._place = place
        self._reason = reason

    @property
    def model(self) -> str:
        return self._place.model

    @property
    def dimension(self) -> int:
        return self._place.dimension

    @property
    def max_tokens(self) -> int:
        self._refuse()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._refuse()

    def close(self) -> None:
        return None

    def _refuse(self) -> NoReturn:
        raise absent(self._place, self._reason)


def absent(
    place: IndexPlace, reason: FatalImportError | ModelUnavailableError
) -> ModelUnavailableError:
    """The error of whoever needs a model that cannot be loaded."""
    return ModelUnavailableError(
        f"the model {place.model}, which the search index was made with, is not available "
        f"({reason.message}): bring it back, or change the model by 'headrace reindex'; until "
        "then imports wait, and queries are answered by words alone"
    )
