"""What a child and its parent say to each other: frames of JSON, which no hostile file can bend.

The parent sends a ``Job`` and the content. The child answers with the parts, then with ``done``
or with an ``error``, a sentence.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import orjson

from domain.ports.extraction import DocumentFacts, ExtractedPart, SheetRows, Unit

DONE, ERROR, TOO_LARGE = "done", "error", "too_large"
MAX_FRAME_BYTES = 256 * 1024**2

_LENGTH = struct.Struct("<Q")
_KINDS: dict[str, type[ExtractedPart]] = {
    "facts": DocumentFacts,
    "unit": Unit,
    "rows": SheetRows,
}


class BrokenFrameError(Exception):
    """The other side has ended in the middle of what it said, or said something impossible."""


def write_frame(pipe: BinaryIO, content: bytes) -> None:
    """Send one frame; raises ``OSError`` if nobody reads."""
    pipe.write(_LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def read_frame(pipe: BinaryIO, *, max_bytes: int = MAX_FRAME_BYTES) -> bytes | None:
    """The next frame, ``None`` where the pipe ends.

    Raises:
        BrokenFrameError: it ends within a frame, or a frame is larger than ``max_bytes``.
    """
    start = pipe.read(_LENGTH.size)
    if not start:
        return None
    if len(start) < _LENGTH.size:
        raise BrokenFrameError("the pipe ends within a length")
    (length,) = _LENGTH.unpack(start)
    if length > max_bytes:
        raise BrokenFrameError(f"a frame of {length} bytes")
    content = pipe.read(length)
    if len(content) < length:
        raise BrokenFrameError("the pipe ends within a frame")
    return content


def packed_part(part: ExtractedPart) -> bytes:
    """A part as a frame's content; ``JSON`` holds no lone surrogates and neither do parts."""
    kind = next(kind for kind, of_kind in _KINDS.items() if isinstance(part, of_kind))
    return orjson.dumps({kind: part}, option=orjson.OPT_NON_STR_KEYS)


def packed_end(word: str, sentence: str = "") -> bytes:
    """The last frame about a document."""
    return orjson.dumps({word: sentence})


def unpacked(frame: bytes) -> ExtractedPart | tuple[str, str]:
    """A part, or the word that ends a document and its sentence.

    Raises:
        BrokenFrameError: neither.
    """
    try:
        ((kind, value),) = orjson.loads(frame).items()
        return _part(kind, value) if kind in _KINDS else (str(kind), str(value))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenFrameError(f"a frame that means nothing: {error}") from error


def _part(kind: str, value: dict[str, Any]) -> ExtractedPart:
    if kind == "rows":
        rows = tuple(map(tuple, value["rows"]))
        return SheetRows(value["sheet"], value["first_row"], rows)
    return _KINDS[kind](**value)
