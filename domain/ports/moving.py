"""The metadata store's rows on their way from one store to another, or to files and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from domain.models.ids import FileId, ObjectKey

INDEX_PART = "index"
"""The index's entry among the tables' in the progress of a move; no table has this name."""

TO_BE_EMPTIED = "to be emptied"
"""Its cursor while the index holds chunks of a move that was begun anew."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the metadata store, and those of its columns that are stored."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that files stand on."""

    key: ObjectKey
    size_bytes: int
    file_ids: tuple[FileId, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What is moved, as of one moment.

    ``origin_id`` is the same for the same content only. ``tables`` come in an order in which
    rows may be inserted. ``sequences`` maps names to the last value given out.
    """

    origin_id: str
    schema_version: int
    tables: Sequence[Table]
    sequences: Mapping[str, int]
    objects: Sequence[NamedObject]


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows of a table in PostgreSQL's binary COPY format; ``cursor`` leads to the next."""

    table: Table
    cursor: str
    rows: int
    content: BinaryIO


class RowSource(Protocol):
    """Gives rows of one moment."""

    async def origin(self) -> Origin: ...

    def pages(self, table: Table, *, after: str | None) -> AsyncIterator[RowPage]:
        """The table's rows in order of its key, those after a cursor.

        A page's ``content`` is open until the next one is asked for.
        """
        ...


class RowSink(Protocol):
    """Takes rows."""

    async def append(self, page: RowPage) -> None:
        """Keep the page, whole or not at all."""
        ...
