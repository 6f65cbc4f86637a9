"""What a backup says of itself: everything that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from domain.errors import ConflictError
from domain.models.ids import FileId, ObjectKey
from domain.ports.moving import NamedObject, Origin, Table

FORMAT = 1
"""Grows when older programs could not read it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the backup, by its path in there."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A file of rows."""

    file: StoredFile
    rows: int


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a restore has to know beside the files.

    Chunks were cut by ``chunk_tokens`` and ``chunk_overlap_tokens``, in pages of so many records
    or groups. ``deleted_files`` went while the backup was made: their rows are in it, their bytes
    need not be. ``lost_files`` had no bytes before.
    """

    version: str
    made_at: str
    chunk_tokens: int
    chunk_overlap_tokens: int
    records_per_page: int
    groups_per_page: int
    models: tuple[str, ...]
    vectors: int
    deleted_files: tuple[str, ...] = ()
    lost_files: tuple[str, ...] = ()

    @property
    def deleted(self) -> list[FileId]:
        return [FileId(UUID(one)) for one in self.deleted_files]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of it."""

    origin: Origin
    pages: Mapping[str, Sequence[StoredPage]]
    vectors: Sequence[StoredFile]
    wheels: Sequence[StoredFile]
    objects: Sequence[NamedObject]
    facts: BackupFacts

    def files(self) -> Iterator[StoredFile]:
        """Every file but the objects."""
        for pages in self.pages.values():
            yield from (page.file for page in pages)
        yield from self.vectors
        yield from self.wheels

    @property
    def rows(self) -> int:
        return sum(page.rows for pages in self.pages.values() for page in pages)

    @property
    def size_bytes(self) -> int:
        """Of all files and objects."""
        files = sum(file.size_bytes for file in self.files())
        return files + sum(named.size_bytes for named in self.objects)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            **asdict(self.facts),
            "origin_id": self.origin.origin_id,
            "schema_version": self.origin.schema_version,
            "tables": [
                {
                    "name": table.name,
                    "columns": table.columns,
                    "pages": [asdict(page) for page in self.pages.get(table.name, ())],
                }
                for table in self.origin.tables
            ],
            "sequences": dict(self.origin.sequences),
            "vector_files": [asdict(file) for file in self.vectors],
            "wheels": [asdict(file) for file in self.wheels],
            "objects": [
                {
                    "key": named.key,
                    "size_bytes": named.size_bytes,
                    "file_ids": [str(file_id) for file_id in named.file_ids],
                }
                for named in self.objects
            ],
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Manifest:
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` if it is no manifest.

        Raises:
            ConflictError: a newer program wrote it.
        """
        if written["format"] > FORMAT:
            raise ConflictError(
                f"the backup was made by Headrace {written['version']}: restore it by that version"
            )
        tables = [Table(one["name"], tuple(one["columns"])) for one in written["tables"]]
        objects = tuple(_object_of(one) for one in written["objects"])
        origin = Origin(
            written["origin_id"],
            written["schema_version"],
            tables,
            written["sequences"],
            objects,
        )
        pages = {one["name"]: _pages_of(one["pages"]) for one in written["tables"]}
        facts = {name: written[name] for name in BackupFacts.__dataclass_fields__}
        return cls(
            origin,
            pages,
            [StoredFile(**one) for one in written["vector_files"]],
            [StoredFile(**one) for one in written["wheels"]],
            objects,
            BackupFacts(**{**facts, **_tuples(facts)}),
        )


def _object_of(written: Mapping[str, Any]) -> NamedObject:
    file_ids = tuple(FileId(UUID(one)) for one in written["file_ids"])
    return NamedObject(ObjectKey(written["key"]), written["size_bytes"], file_ids)


def _pages_of(written: Sequence[Mapping[str, Any]]) -> list[StoredPage]:
    return [StoredPage(StoredFile(**page["file"]), page["rows"]) for page in written]


def _tuples(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
