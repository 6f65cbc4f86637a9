"""From a document's bytes to its text, by code that may be slow, greedy or crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from domain.models.records import JsonValue


class DocumentKind(StrEnum):
    """What is to be extracted; ``OLD_OFFICE`` is any file of Office before 2007."""

    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    SHEETS = "sheets"
    OLD_OFFICE = "old_office"


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What a document says of itself: comes first. Moments are ISO 8601 texts."""

    title: str | None = None
    author: str | None = None
    created: str | None = None
    modified: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unit:
    """A page, section or slide: its text, and in ``metadata`` which one it is."""

    text: str
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SheetRows:
    """Rows of a sheet, in order; a sheet comes in several of these, an empty one in one.

    ``first_row`` counts from 1. Cells are texts, numbers, booleans or ``None``.
    """

    sheet: str
    first_row: int
    rows: tuple[tuple[JsonValue, ...], ...]


ExtractedPart = DocumentFacts | Unit | SheetRows


class Extractor(Protocol):
    """Extracts documents. Safe to call from several threads."""

    def extract(self, kind: DocumentKind, content: bytes) -> Iterator[ExtractedPart]:
        """Yield the parts of a document while they are found; closing it early is allowed.

        Raises:
            UnreadableFileError: encrypted, damaged, or not readable within the limits on time
                and memory; a sentence with the fix.
        """
        ...
