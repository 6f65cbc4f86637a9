"""Extracting a document in the process that asks: the right library for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import cast

from domain.ports.extraction import DocumentKind, ExtractedPart

_MODULES = {
    DocumentKind.PDF: "pdf",
    DocumentKind.DOCX: "docx",
    DocumentKind.PPTX: "pptx",
    DocumentKind.SHEETS: "sheets",
    DocumentKind.OLD_OFFICE: "old_office",
}


class LocalExtractor:
    """Extracts without protection: for tests, and inside of a process that may die."""

    def extract(self, kind: DocumentKind, content: bytes) -> Iterator[ExtractedPart]:
        # The libraries are large; a process loads those that it needs.
        module = import_module(f"{__package__}.{_MODULES[kind]}")
        extract = cast("Callable[[bytes], Iterator[ExtractedPart]]", module.extract)
        return extract(content)
