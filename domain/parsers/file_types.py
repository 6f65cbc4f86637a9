"""Recognising files that no parser reads, so that the refusal can name the fix."""

from __future__ import annotations

from collections.abc import Collection

from domain.errors import UnreadableFileError

_SHEET_FIX = "export the sheet as CSV"
_DOCUMENT_FIX = "save the document as plain text or Markdown"
_UNPACK_FIX = "unpack it and upload what it holds, or pack it as zip"
_MEDIA_FIX = "upload its text, for example a transcript"

_BY_START = (
    (b"%PDF", "a PDF", _DOCUMENT_FIX),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (XLS, DOC, MSG)", _SHEET_FIX),
    (b"{\\rtf", "an RTF document", _DOCUMENT_FIX),
    (b"\x89PNG", "a PNG image", _MEDIA_FIX),
    (b"\xff\xd8\xff", "a JPEG image", _MEDIA_FIX),
    (b"GIF8", "a GIF image", _MEDIA_FIX),
    (b"RIFF", "an audio, video or image file", _MEDIA_FIX),
    (b"OggS", "an audio file", _MEDIA_FIX),
    (b"ID3", "an MP3 file", _MEDIA_FIX),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK_FIX),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK_FIX),
    (b"BZh", "a bzip2 file", _UNPACK_FIX),
    (b"\xfd7zXZ\x00", "an xz file", _UNPACK_FIX),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK_FIX),
    (b"PAR1", "a Parquet file", "export the table as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "export its tables as CSV"),
)
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_MP4_MARK, _MP4_MARK_AT = b"ftyp", 4
_PACKED_OFFICE = (
    ("xl/", "an Excel workbook (XLSX)", _SHEET_FIX),
    ("word/", "a Word document (DOCX)", _DOCUMENT_FIX),
    ("ppt/", "a PowerPoint file (PPTX)", _DOCUMENT_FIX),
)
_PACKED_OFFICE_MARKS = (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis")
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\v\x1b\0")
_MAX_CONTROL_SHARE = 0.05


def refuse_unreadable(head: bytes) -> None:
    """Raise for the types that are known by their first bytes.

    Raises:
        UnreadableFileError: names the type and the fix.
    """
    for start, name, fix in _BY_START:
        if head.startswith(start):
            raise UnreadableFileError(f"the file is {name}; {fix}")
    if head[_TAR_MARK_AT:].startswith(_TAR_MARK):
        raise UnreadableFileError(f"the file is a tar archive; {_UNPACK_FIX}")
    if head[_MP4_MARK_AT:].startswith(_MP4_MARK):
        raise UnreadableFileError(f"the file is an MP4 video; {_MEDIA_FIX}")


def refuse_binary(head: bytes, *, is_wide: bool) -> None:
    """Raise if bytes that are no UTF-16 hold more control characters than text ever does.

    Raises:
        UnreadableFileError: the file is binary.
    """
    sample = head[:65536]
    controls = len(sample) - len(sample.translate(None, _CONTROLS + b"\0"))
    if not is_wide and controls > _MAX_CONTROL_SHARE * len(sample):
        raise UnreadableFileError(
            "the file is binary and of no known type; export it as CSV, JSON or text"
        )


def refuse_office_zip(names: Collection[str]) -> None:
    """Raise if a zip's entries are the parts of an office file.

    Raises:
        UnreadableFileError: names the type and the fix.
    """
    if "[Content_Types].xml" in names:
        for folder, name, fix in _PACKED_OFFICE:
            if any(entry.startswith(folder) for entry in names):
                raise UnreadableFileError(f"the file is {name}; {fix}")
    if "mimetype" in names and "content.xml" in names:
        raise UnreadableFileError(f"the file is an OpenDocument file (ODS, ODT); {_SHEET_FIX}")


def refuse_nested_zip(head: bytes) -> None:
    """Raise for a zip inside a zip, which may be an office file.

    Raises:
        UnreadableFileError: always.
    """
    if any(mark in head[:4096] for mark in _PACKED_OFFICE_MARKS):
        raise UnreadableFileError(f"the file is an office file (XLSX, DOCX, ODS); {_SHEET_FIX}")
    raise UnreadableFileError("it is a zip inside the zip; upload it by itself")
