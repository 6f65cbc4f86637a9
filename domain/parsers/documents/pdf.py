"""PDF by PDFium: a unit per page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2 as pdfium

from domain.errors import UnreadableFileError
from domain.models.records import JsonValue
from domain.parsers.documents.cleaning import clean_lines
from domain.ports.extraction import DocumentFacts, ExtractedPart, Unit

_PASSWORD_ERROR = 4
_BROKEN_WORD = re.compile("[\ufffe\xad]\\s*")
"""PDFium marks a hyphen at a line's end, which parts one word, by U+FFFE."""
_DATE = re.compile(r"D?:?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?)?")


def extract(content: bytes) -> Iterator[ExtractedPart]:
    """The facts, then every page that holds text.

    Raises:
        UnreadableFileError: encrypted, damaged, or without any text.
    """
    document = _opened(content)
    try:
        yield _facts(document)
        sections = _sections(document)
        has_text = False
        section = None
        for number in range(len(document)):
            section = sections.get(number, section)
            if text := _text_of(document, number):
                has_text = True
                yield Unit(text, _metadata(number, section))
    finally:
        document.close()
    if not has_text:
        raise UnreadableFileError(
            "the PDF's pages hold no text, probably since they were scanned; "
            "run text recognition (OCR) on it and upload the result"
        )


def _opened(content: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD_ERROR:
            raise UnreadableFileError("the PDF is encrypted; save it without a password") from error
        raise UnreadableFileError(
            "the PDF is damaged; save or download it again", reason=str(error)
        ) from error


def _text_of(document: pdfium.PdfDocument, number: int) -> str:
    """A page's text; a page that cannot be loaded has none."""
    try:
        page = document[number]
        text = page.get_textpage().get_text_range()
        page.close()
    except pdfium.PdfiumError:
        return ""
    return clean_lines(_BROKEN_WORD.sub("", text))


def _metadata(number: int, section: str | None) -> dict[str, JsonValue]:
    metadata: dict[str, JsonValue] = {"page": number + 1}
    return metadata | {"section": section} if section else metadata


def _facts(document: pdfium.PdfDocument) -> DocumentFacts:
    stated = document.get_metadata_dict(skip_empty=True)
    return DocumentFacts(
        title=stated.get("Title"),
        author=stated.get("Author"),
        created=_moment(stated.get("CreationDate", "")),
        modified=_moment(stated.get("ModDate", "")),
        counts={"pages": len(document)},
    )


def _sections(document: pdfium.PdfDocument) -> dict[int, str]:
    """The path of bookmarks that holds from a page on, by the page's number from 0."""
    path: list[str] = []
    sections: dict[int, str] = {}
    try:
        for bookmark in document.get_toc():
            path[bookmark.level :] = [" ".join(bookmark.get_title().split())]
            target = bookmark.get_dest()
            page = target.get_index() if target else None
            if page is not None:
                sections.setdefault(page, " > ".join(filter(None, path)))
    except (pdfium.PdfiumError, ValueError):
        return sections
    return sections


def _moment(text: str) -> str | None:
    """``D:20250514002919+05'30'`` as ISO 8601."""
    found = _DATE.match(text)
    if not found:
        return None
    year, month, day, hour, minute, second, sign, hours, minutes = found.groups()
    zone = f"{sign}{hours}:{minutes or '00'}" if sign else "+00:00"
    date = f"{year}-{month or '01'}-{day or '01'}"
    return f"{date}T{hour or '00'}:{minute or '00'}:{second or '00'}{zone}"
