"""Which engine an index in the data directory is of: settings wish, what lies there goes first.

An index of one engine is nothing to another, which would find an empty directory. So one that is
there stays in use until it is moved, whatever the settings say by now.
"""

from __future__ import annotations

from pathlib import Path

from actors.settings import Settings
from actors.store_settings import SearchBackend

LANCEDB_TABLE = "chunks.lance"
TANTIVY_DIRECTORY = "tantivy"
_TANTIVY_MARKS = ("index.json", "meta.json")


def engine_of(settings: Settings, location: str = "") -> SearchBackend:
    """The engine of the index at ``location``; of a new one, or where both lie, that of the
    settings."""
    wanted = settings.search.backend
    if wanted is SearchBackend.WEAVIATE:
        return wanted
    directory = settings.index_dir / location
    has_lancedb = (directory / LANCEDB_TABLE).exists()
    has_tantivy = any((tantivy_directory(directory) / mark).exists() for mark in _TANTIVY_MARKS)
    if has_lancedb == has_tantivy:
        return wanted
    return SearchBackend.LANCEDB if has_lancedb else SearchBackend.TANTIVY


def tantivy_directory(directory: Path) -> Path:
    """Where tantivy's index lies in an index's directory."""
    return directory / TANTIVY_DIRECTORY


def engine_note(settings: Settings, location: str = "") -> str | None:
    """A sentence where the settings name another engine than the index is of."""
    wanted, used = settings.search.backend, engine_of(settings, location)
    if wanted is used:
        return None
    return (
        f"the search index in {settings.index_dir / location} was made by {used}, which stays in "
        f"use: to change to {wanted}, move to a new data directory by 'headrace migrate' "
        "(docs/operations/stores.md); nothing is embedded anew"
    )
