"""Which kind of document a file is."""

from __future__ import annotations

import re
from io import BytesIO

from domain.errors import UnreadableFileError
from domain.parsers.zip_reading import SafeZip, looks_like_zip
from domain.ports.extraction import DocumentKind
from domain.ports.parser import ArchiveLimits

_PDF_MARK, _PDF_SEARCH_BYTES = b"%PDF-", 1024
_OLE_MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CONTENT_TYPES, _MIMETYPE = "[Content_Types].xml", "mimetype"
_FOLDERS = {"xl/": DocumentKind.SHEETS, "word/": DocumentKind.DOCX, "ppt/": DocumentKind.PPTX}
_ENTRY_IN_FOLDER = re.compile(rb"PK\x03\x04.{26}(xl/|word/|ppt/)", re.DOTALL)
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."
_OPEN_SHEETS = _OPEN_DOCUMENT + b"spreadsheet"
_MAX_MIMETYPE_BYTES = 200


def kind_by_start(head: bytes) -> DocumentKind | None:
    """The kind by a file's first bytes; for a packed one a guess, ``None`` if they tell none."""
    if head.startswith(_OLE_MARK):
        return DocumentKind.OLD_OFFICE
    if looks_like_zip(head):
        if b"mimetype" + _OPEN_SHEETS in head[:_MAX_MIMETYPE_BYTES]:
            return DocumentKind.SHEETS
        found = _ENTRY_IN_FOLDER.search(head)
        return _FOLDERS[found[1].decode()] if found else None
    # Other bytes before the mark are common; readers look for it in the first KiB.
    return DocumentKind.PDF if _PDF_MARK in head[:_PDF_SEARCH_BYTES] else None


def kind_of_zip(archive: SafeZip) -> DocumentKind | None:
    """The kind by what a zip holds, ``None`` if it is no document.

    Raises:
        UnreadableFileError: an OpenDocument file that is no workbook.
    """
    entries = {entry.name: entry for entry in archive.entries}
    if _CONTENT_TYPES in entries:
        for folder, kind in _FOLDERS.items():
            if any(name.startswith(folder) for name in entries):
                return kind
    mimetype = entries.get(_MIMETYPE)
    if mimetype is None or mimetype.size_bytes > _MAX_MIMETYPE_BYTES:
        return None
    stated = archive.read(mimetype)
    if stated.startswith(_OPEN_SHEETS):
        return DocumentKind.SHEETS
    if stated.startswith(_OPEN_DOCUMENT):
        raise UnreadableFileError(
            "the file is an OpenDocument text or presentation; save it as DOCX, PPTX or PDF"
        )
    return None


def kind_of_content(content: bytes, limits: ArchiveLimits) -> DocumentKind | None:
    """The kind of a whole file.

    Raises:
        UnreadableFileError: packed, and damaged, or a bomb by ``limits``.
    """
    if looks_like_zip(content):
        return kind_of_zip(SafeZip(BytesIO(content), limits))
    return kind_by_start(content)
