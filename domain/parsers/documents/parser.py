"""PDF, Word and PowerPoint files: one document each, its pages, sections or slides as segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue, ParsedItem
from domain.parsers.documents.assembling import DocumentFrame, grouped
from domain.parsers.documents.kinds import kind_by_start
from domain.parsers.documents.reading import document_kind, extracted, whole
from domain.parsers.forms import ByteStream, Form, Head, Site
from domain.ports.extraction import DocumentFacts, DocumentKind, Unit

_KINDS = frozenset((DocumentKind.PDF, DocumentKind.DOCX, DocumentKind.PPTX))


class DocumentParser(Form):
    """Reads a document as one record; one of more than a million characters as several.

    The context's extractor finds the text. A document that it cannot read makes the file
    unreadable, or the member of an archive a rejected item.
    """

    name = "document"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        kind = kind_by_start(head.content)
        if kind is not None and kind not in _KINDS:
            raise UnreadableFileError("the file is no PDF, DOCX or PPTX; save it as one of these")
        return {"format": kind.value if kind else "office"}

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        content = whole(stream)
        kind = document_kind(content, site)
        place = site.place(start, start + len(content))
        facts = DocumentFacts()
        parts = extracted(kind, content, site)
        del content
        for part in parts:
            if isinstance(part, DocumentFacts):
                facts = part
            elif isinstance(part, Unit):
                facts = replace(facts, title=facts.title or _title_from(part, site))
                frame = DocumentFrame(site, place, facts, metadata={"format": kind.value})
                units = (unit for unit in chain((part,), parts) if isinstance(unit, Unit))
                for number, group in enumerate(grouped(units)):
                    yield frame.record(group.content(), group.segments, number)


def _title_from(first: Unit, site: Site) -> str:
    """The first heading of a document without a title, else the file's name."""
    section = str(first.metadata.get("section") or "")
    return section.partition(" > ")[0] or PurePosixPath(site.name).stem
