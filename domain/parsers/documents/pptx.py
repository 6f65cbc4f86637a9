"""PowerPoint files by python-pptx: a unit per slide, with its notes."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pptx
from pptx.exc import PythonPptxError

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.documents.cleaning import clean_lines
from domain.parsers.documents.properties import BROKEN_OFFICE_ERRORS, facts_of
from domain.ports.extraction import ExtractedPart, Unit

_DAMAGED = "the PowerPoint file is damaged; open it, save it and upload it again"
_EMPTY = "the PowerPoint file holds no text; if its slides are pictures, describe them in notes"
_BROKEN = (*BROKEN_OFFICE_ERRORS, PythonPptxError)
_MAX_GROUP_DEPTH = 20


def extract(content: bytes) -> Iterator[ExtractedPart]:
    """The facts, then every slide that holds text.

    Raises:
        UnreadableFileError: damaged, or without any text.
    """
    try:
        deck = pptx.Presentation(BytesIO(content))
        yield facts_of(deck.core_properties, {"slides": len(deck.slides)})
        has_text = False
        for number, slide in enumerate(deck.slides, start=1):
            if text := _slide_text(slide):
                has_text = True
                yield Unit(text, _metadata(number, slide))
    except _BROKEN as error:
        raise UnreadableFileError(_DAMAGED, reason=str(error)) from error
    if not has_text:
        raise UnreadableFileError(_EMPTY)


def _metadata(number: int, slide: Any) -> dict[str, JsonValue]:
    title = slide.shapes.title
    heading = " ".join(title.text_frame.text.split()) if title is not None else ""
    return {"slide": number} | ({"section": heading[:200]} if heading else {})


def _slide_text(slide: Any) -> str:
    texts = list(_texts(slide.shapes, 0))
    if slide.has_notes_slide:
        frame = slide.notes_slide.notes_text_frame
        if frame is not None and frame.text.strip():
            texts.append(f"Notes: {frame.text}")
    return clean_lines("\n".join(texts))


def _texts(shapes: Any, depth: int) -> Iterator[str]:
    for shape in shapes:
        if shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False) and shape.has_table:
            for row in shape.table.rows:
                yield " | ".join(" ".join(cell.text.split()) for cell in row.cells)
        elif hasattr(shape, "shapes") and depth < _MAX_GROUP_DEPTH:
            yield from _texts(shape.shapes, depth + 1)
