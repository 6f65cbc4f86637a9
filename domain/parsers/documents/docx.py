"""Word documents by python-docx: a unit per section, which a heading begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import docx
from docx.oxml.ns import qn

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.documents.cleaning import clean_lines
from domain.parsers.documents.properties import BROKEN_OFFICE_ERRORS, facts_of
from domain.parsers.documents.sections import HeadingPath
from domain.ports.extraction import ExtractedPart, Unit

_HEADING = re.compile(r"heading ([1-9])\Z", re.IGNORECASE)
_DAMAGED = "the Word document is damaged; open it, save it and upload it again"
_EMPTY = (
    "the Word document holds no text; if its pages are pictures, run text recognition (OCR) on them"
)
_PARAGRAPH, _TABLE, _ROW, _CELL = (qn(f"w:{name}") for name in ("p", "tbl", "tr", "tc"))
_TEXT, _TAB = qn("w:t"), qn("w:tab")
_BREAKS = frozenset((qn("w:br"), qn("w:cr")))
_CONTAINERS = frozenset(qn(f"w:{name}") for name in ("sdt", "sdtContent", "body", "ins"))


def extract(content: bytes) -> Iterator[ExtractedPart]:
    """The facts, then every section.

    Raises:
        UnreadableFileError: damaged, or without any text.
    """
    try:
        document = docx.Document(BytesIO(content))
        yield facts_of(document.core_properties, {})
        has_text = False
        for unit in _units(document):
            has_text = True
            yield unit
    except BROKEN_OFFICE_ERRORS as error:
        raise UnreadableFileError(_DAMAGED, reason=str(error)) from error
    if not has_text:
        raise UnreadableFileError(_EMPTY)


def _units(document: Any) -> Iterator[Unit]:
    levels = _heading_levels(document)
    path, lines = HeadingPath(), list[str]()
    for block in _blocks(document.element.body):
        level = levels.get(_style_of(block)) if block.tag == _PARAGRAPH else None
        text = _text_of(block)
        if level is not None and text.strip():
            yield from _unit(lines, path)
            path.enter(level, text)
            lines = []
        lines.append(text)
    lines += _notes(document)
    yield from _unit(lines, path)


def _unit(lines: list[str], path: HeadingPath) -> Iterator[Unit]:
    text = clean_lines("\n".join(lines))
    if text:
        metadata: dict[str, JsonValue] = {"section": str(path)} if str(path) else {}
        yield Unit(text, metadata)


def _heading_levels(document: Any) -> dict[str, int]:
    """The level of every style that is a heading; styles are named in English inside."""
    levels = {}
    for style in document.styles:
        name = style.name or ""
        if found := _HEADING.match(name):
            levels[style.style_id] = int(found[1])
        elif name.lower() == "title":
            levels[style.style_id] = 1
    return levels


def _style_of(paragraph: Any) -> str:
    return paragraph.style or ""


def _blocks(element: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, also those inside of content controls."""
    for child in element:
        if child.tag in (_PARAGRAPH, _TABLE):
            yield child
        elif child.tag in _CONTAINERS:
            yield from _blocks(child)


def _text_of(block: Any) -> str:
    return _table_text(block) if block.tag == _TABLE else _paragraph_text(block)


def _table_text(table: Any) -> str:
    """A line per row, cells parted by `` | ``."""
    rows = []
    for row in table.iterchildren(_ROW):
        cells = [" ".join(_paragraph_text(cell).split()) for cell in row.iterchildren(_CELL)]
        rows.append(" | ".join(cells))
    return "\n".join(rows)


def _paragraph_text(element: Any) -> str:
    """Every text below, tabs and breaks kept; deleted text has another tag and stays out."""
    parts = []
    for node in element.iter():
        if node.tag == _TEXT:
            parts.append(node.text or "")
        elif node.tag == _TAB:
            parts.append("\t")
        elif node.tag in _BREAKS or (node.tag == _PARAGRAPH and parts):
            parts.append("\n")
    return "".join(parts)


def _notes(document: Any) -> list[str]:
    """Foot- and endnotes, which are parts of their own."""
    texts = []
    for relation in document.part.rels.values():
        if relation.reltype.endswith(("/footnotes", "/endnotes")):
            root = docx.oxml.parse_xml(relation.target_part.blob)
            texts += [_paragraph_text(note) for note in root]
    return texts
