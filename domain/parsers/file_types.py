"""Recognising files that no parser reads, so that the refusal can name the fix."""

from __future__ import annotations

from domain.errors import UnreadableFileError

_DOCUMENT_FIX = "save the document as PDF, DOCX or plain text"
_UNPACK_FIX = "unpack it and upload what it holds, or pack it as zip"
_MEDIA_FIX = "upload its text, for example a transcript"

_BY_START = (
    (b"{\\rtf", "an RTF document", _DOCUMENT_FIX),
    (b"\x89PNG", "a PNG image", _MEDIA_FIX),
    (b"\xff\xd8\xff", "a JPEG image", _MEDIA_FIX),
    (b"GIF8", "a GIF image", _MEDIA_FIX),
    (b"RIFF", "an audio, video or image file", _MEDIA_FIX),
    (b"OggS", "an audio file", _MEDIA_FIX),
    (b"ID3", "an MP3 file", _MEDIA_FIX),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK_FIX),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK_FIX),
    (b"SQLite format 3\x00", "an SQLite database", "export its tables as CSV"),
)
_MP4_MARK, _MP4_MARK_AT = b"ftyp", 4
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
