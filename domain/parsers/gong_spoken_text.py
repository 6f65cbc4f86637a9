"""Transcripts as text, the way Gong lets people save them.

::

    Kestermill: renewal review
    https://app.gong.io/call?id=1144339543520910186

    0:05 | Imke Sandvoort
    Thank you for making the time.

    1:02:11 | Bram Tolliver
    ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers.encodings import line_decoder
from domain.parsers.forms import MAX_RECORD_BYTES, ByteStream, Site, raw_start, read_fully
from domain.parsers.gong_transcripts import UNKNOWN_SPEAKER, Turn, content_of, of_unknown_call
from domain.references import without_marks

EMPTY_TRANSCRIPT = "empty_transcript"
SPOKEN_TEXT = "spoken_text"
"""The shape of a file that is such a text."""

_TURN = re.compile(
    r"^[ \t]*(?:(\d{1,2}):)?(\d{1,3}):(\d{2})[ \t]*\|[ \t]*([^|\n]*?)[ \t]*\r?$", re.M
)
_CALL_ID = re.compile(r"gong\.io/call\?(?:[^\s#]*&)?id=(\d+)")
_OPENING_BYTES = 64 * 1024
_MIN_TURNS = 2
_MAX_TITLE_CHARS = 300
_TOO_LARGE = f"the transcript has more than {MAX_RECORD_BYTES // 1024**2} MiB; split it"


def looks_spoken(head: bytes) -> bool:
    """Whether UTF-8 text has turns, each a time and a name on one line and words on the next."""
    text = head[:_OPENING_BYTES].decode("utf-8", "replace")
    turns = list(_TURN.finditer(text))
    if len(turns) < _MIN_TURNS:
        return False
    said = sum(bool(words) for _, words in _spoken(text, turns))
    return said * 2 > len(turns)


def spoken_items(
    stream: ByteStream, layout: Mapping[str, JsonValue], site: Site
) -> Iterator[ParsedItem]:
    """The one transcript that the file is."""
    start = len(read_fully(stream, layout["bom_bytes"]))
    raw = read_fully(stream, MAX_RECORD_BYTES + 1)
    place = site.place(start, start + len(raw))
    if len(raw) > MAX_RECORD_BYTES:
        yield RejectedItem(_TOO_LARGE, place, raw_start(raw))
        return
    text = without_marks(line_decoder(layout["encoding"])(raw)).replace("\r\n", "\n")
    yield _transcript(text, place, site) or DroppedItem(EMPTY_TRANSCRIPT, place)


def _transcript(text: str, place: Place, site: Site) -> Record | None:
    found = list(_TURN.finditer(text))
    preamble = text[: found[0].start()].strip() if found else text.strip()
    turns = list(_turns(text, found))
    if not turns:
        return None
    content, segments = content_of(turns)
    call_id = next((match[1] for match in _CALL_ID.finditer(preamble)), "")
    context = site.context
    metadata: dict[str, JsonValue] = {
        "turns": len(turns),
        "speakers": list(dict.fromkeys(turn.speaker for turn in turns)),
        "filename": site.name,
    }
    if preamble:
        metadata["preamble"] = preamble
    record = Record(
        source_type=context.source_type,
        native_id=f"transcript:{call_id or f'{context.sha256[:32]}:{place}'}",
        content_type=ContentType.TRANSCRIPT,
        content=content,
        place=place,
        title=_title(preamble, site),
        thread=call_id or None,
        metadata=metadata | ({"call_id": call_id} if call_id else {}),
        segments=segments,
    )
    return of_unknown_call(record, call_id) if call_id else record


def _turns(text: str, found: Sequence[re.Match[str]]) -> Iterator[Turn]:
    for match, words in _spoken(text, found):
        if words:
            seconds = int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3])
            yield Turn(words, match[4] or UNKNOWN_SPEAKER, start_seconds=float(seconds))


def _spoken(text: str, found: Sequence[re.Match[str]]) -> Iterator[tuple[re.Match[str], str]]:
    """Each turn's first line with the words that follow it."""
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=True):
        yield match, " ".join(text[match.end() : end].split())


def _title(preamble: str, site: Site) -> str:
    first = preamble.partition("\n")[0].strip()
    is_title = first and not first.startswith("http")
    return first[:_MAX_TITLE_CHARS] if is_title else PurePosixPath(site.name).stem
