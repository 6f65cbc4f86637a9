"""Opening the index's directory, and creating what is missing in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import tantivy

from actors.adapters.english import analyzer
from actors.adapters.tantivy_faiss.documents import BLANKS, ENGLISH, blanks, schema
from actors.adapters.tantivy_faiss.viewing import COMMIT
from domain.errors import DimensionMismatchError, IndexUnavailableError

FORMAT = 1
ABOUT = "index.json"
"""Written last: where it is, the index is complete."""


def open_directory(directory: Path, *, dimension: int) -> tantivy.Index:
    """The full-text index in ``directory``, which holds vectors of ``dimension``.

    Raises:
        DimensionMismatchError: it holds others.
        IndexUnavailableError: another version has written it, or a part of it is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _only_creator(directory):
        _check(directory, dimension)
        index = tantivy.Index(schema(), path=str(directory), reuse=True)
        _describe(directory, dimension)
    index.register_tokenizer(ENGLISH, analyzer())
    index.register_tokenizer(BLANKS, blanks())
    index.config_reader(reload_policy="manual")
    return index


def _check(directory: Path, dimension: int) -> None:
    about, commit = directory / ABOUT, directory / COMMIT
    if not about.exists():
        if commit.exists() and orjson.loads(commit.read_bytes()).get("segments"):
            raise _damaged(directory, ABOUT)
        return
    if not commit.exists():
        raise _damaged(directory, COMMIT)
    found = orjson.loads(about.read_bytes())
    if found["format"] != FORMAT:
        raise IndexUnavailableError(
            f"the search index {directory} was written by another version: move that directory "
            "away, start the service and run 'headrace verify --repair', which fills it anew",
            directory=str(directory),
        )
    if found["dimension"] != dimension:
        raise DimensionMismatchError(
            f"the search index {directory} holds vectors of length {found['dimension']}, the "
            f"embedder makes {dimension}: choose the embedder that filled it ('headrace reindex' "
            "changes it afterwards), set HEADRACE_SEARCH__DIRECTORY to the right one, or move that "
            "directory away and run 'headrace verify --repair', which fills it anew",
            expected=found["dimension"],
            given=dimension,
        )


def _damaged(directory: Path, missing: str) -> IndexUnavailableError:
    return IndexUnavailableError(
        f"the search index {directory} is damaged, its {missing} is missing: move that directory "
        "away, start the service and run 'headrace verify --repair', which fills it anew",
        directory=str(directory),
    )


def _describe(directory: Path, dimension: int) -> None:
    about = directory / ABOUT
    if not about.exists():
        draft = directory / f"{ABOUT}.draft"
        with draft.open("wb") as file:
            file.write(orjson.dumps({"format": FORMAT, "dimension": dimension}))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(about)


@contextmanager
def _only_creator(directory: Path) -> Iterator[None]:
    """Of several processes that start at once, one creates the index and the others wait."""
    with (directory / ".creating").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
