"""Files of Office before 2007, and encrypted ones of any: OLE containers, told by their names."""

from __future__ import annotations

from collections.abc import Iterator

from domain.errors import UnreadableFileError
from domain.parsers.documents import sheets
from domain.ports.extraction import ExtractedPart

_REFUSED = (
    ("EncryptedPackage", "the Office file is encrypted; save it without a password"),
    ("WordDocument", "the file is an old Word document (DOC); save it as DOCX"),
    ("PowerPoint Document", "the file is an old PowerPoint file (PPT); save it as PPTX"),
    ("__nameid_version1.0", "the file is an Outlook message (MSG); save it as EML"),
)
_WORKBOOKS = ("Workbook", "Book")


def extract(content: bytes) -> Iterator[ExtractedPart]:
    """The rows of an old workbook.

    Raises:
        UnreadableFileError: another kind of file, encrypted or damaged.
    """
    for name, sentence in _REFUSED:
        if _holds(content, name):
            raise UnreadableFileError(sentence)
    if not any(_holds(content, name) for name in _WORKBOOKS):
        raise UnreadableFileError(
            "the file is an old Office file of an unknown kind; save it as DOCX, XLSX or PDF"
        )
    try:
        yield from sheets.extract(content)
    except UnreadableFileError as error:
        # calamine says of an encrypted one only that it is no workbook.
        raise UnreadableFileError(
            "the workbook is encrypted or damaged; save it without a password",
            **error.details,
        ) from error


def _holds(content: bytes, name: str) -> bool:
    """Whether the directory has the entry: a 64-byte name field that ends in NUL."""
    field = name.encode("utf-16-le") + b"\0\0"
    at = content.find(field)
    while at >= 0:
        # Entries are 128 bytes long and stand in sectors of 512 or 4096 bytes.
        if at % 128 == 0:
            return True
        at = content.find(field, at + 1)
    return False
