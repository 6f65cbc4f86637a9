"""Transcripts with times (WebVTT, SubRip): one record, its speakers' turns as segments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import PurePosixPath

from domain.errors import UnreadableFileError
from domain.models.records import ContentType, DroppedItem, JsonValue, ParsedItem
from domain.parsers.documents.assembling import DocumentFrame, grouped
from domain.parsers.encodings import byte_lines, detect_encoding, line_decoder
from domain.parsers.forms import MAX_RECORD_BYTES, ByteStream, Form, Head, Site, read_fully
from domain.ports.extraction import DocumentFacts, Unit

NO_CUES = "no_cues"

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"\s*{_TIME}\s+-->\s+{_TIME}")
_SRT_START = rb"\d+[ \t]*\r?\n\s*\d{1,3}:\d\d:\d\d[.,]\d{1,3}\s+-->"
_SRT_START = rb"\d+[ \t]*\r?\n\s*\d{1,3}:\d\d:\d\d[.,]\d{1,3}\s+-->"
_START = re.compile(rb"\s*(?:WEBVTT(?:[ \t\r\n]|\Z)|" + _SRT_START + rb")")
_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[a-zA-Z0-9:.]*(?:\s[^>]*)?>|\{\\[^}]*\}")
_NAMED = re.compile(r"(?:>>\s*)?([A-Z][\w.'’-]*(?: [\w.'’-]+){0,3}):\s+(?=\S)")
_BLOCKS_WITHOUT_CUES = ("NOTE", "STYLE", "REGION")
_PAUSE_SECONDS = 5.0
_MAX_TURN_CHARS = 2_000


@dataclass(slots=True)
class _Turn:
    """What one speaker says, until somebody else does or there is a pause."""

    speaker: str | None
    start: float
    end: float
    text: str

    def takes(self, cue: _Turn) -> bool:
        is_same = cue.speaker == self.speaker
        is_near = cue.start - self.end <= _PAUSE_SECONDS
        return is_same and is_near and len(self.text) + len(cue.text) < _MAX_TURN_CHARS

    def add(self, cue: _Turn) -> None:
        self.text = f"{self.text} {cue.text}"
        self.end = max(self.end, cue.end)

    def unit(self) -> Unit:
        spoken = f"{self.speaker}: {self.text}" if self.speaker else self.text
        times = {"start_seconds": self.start, "end_seconds": self.end}
        return Unit(spoken, {"speaker": self.speaker, **times} if self.speaker else times)


class CaptionParser(Form):
    """Reads a transcript; the turns are its segments, with ``speaker`` and times.

    The speaker is the cue's voice (``<v Ann>``) or the name before a colon, which then holds
    until another is named.
    """

    name = "captions"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        if not looks_like_captions(head.content):
            raise UnreadableFileError("the file is no WebVTT or SRT transcript; export it again")
        encoding = detect_encoding(head.content)
        is_vtt = b"WEBVTT" in head.content[:64]
        return {
            "format": "vtt" if is_vtt else "srt",
            "encoding": encoding.name,
            "bom_bytes": encoding.bom_bytes,
        }

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        read = _Counted(stream)
        read_fully(read, layout["bom_bytes"])
        decode = line_decoder(layout["encoding"])
        raw = byte_lines(read, layout["encoding"], max_bytes=MAX_RECORD_BYTES)
        turns = list(_turns(_cues(map(decode, raw))))
        place = site.place(start, start + read.count)
        if not turns:
            yield DroppedItem(NO_CUES, place)
            return
        facts = DocumentFacts(title=PurePosixPath(site.name).stem)
        frame = DocumentFrame(site, place, facts, ContentType.TRANSCRIPT, _about(turns, layout))
        units = (turn.unit() for turn in turns)
        for number, group in enumerate(grouped(units, between="\n")):
            yield frame.record(group.content(), group.segments, number)


def looks_like_captions(head: bytes) -> bool:
    """Whether a text begins like a WebVTT or SubRip file."""
    encoding = detect_encoding(head[:4096])
    if encoding.is_wide:
        text = line_decoder(encoding.name)(head[encoding.bom_bytes : 512])
        head = text.encode("utf-8", "replace")
    return bool(_START.match(head.removeprefix(b"\xef\xbb\xbf")))


class _Counted:
    """A stream that counts what is read from it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int, /) -> bytes:
        content = self._stream.read(size)
        self.count += len(content)
        return content


def _about(turns: list[_Turn], layout: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    speakers = list(dict.fromkeys(turn.speaker for turn in turns if turn.speaker))
    duration = round(max(turn.end for turn in turns), 3)
    return {
        "format": layout["format"],
        "duration_seconds": duration,
        **({"speakers": speakers} if speakers else {}),
    }


def _cues(lines: Iterable[str]) -> Iterator[_Turn]:
    """Each cue as a turn of its own, blocks that are comments or styles left out."""
    for block in _blocks(lines):
        if block[0].startswith(_BLOCKS_WITHOUT_CUES):
            continue
        for number, line in enumerate(block[:2]):
            if found := _TIMING.match(line):
                yield from _voices(block[number + 1 :], _seconds(found, 1), _seconds(found, 5))
                break


def _blocks(lines: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    for line in lines:
        if text := line.strip():
            block.append(text)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _voices(lines: list[str], start: float, end: float) -> Iterator[_Turn]:
    """A cue's text, parted where several voices speak in it."""
    before, *voices = _VOICE.split("\n".join(lines))
    if text := _plain(before):
        named = _NAMED.match(text)
        speaker = named[1] if named else None
        yield _Turn(speaker, start, end, text[named.end() :] if named else text)
    for speaker, said in zip(voices[::2], voices[1::2], strict=True):
        if text := _plain(said):
            yield _Turn(" ".join(unescape(speaker).split()), start, end, text)


def _plain(text: str) -> str:
    return " ".join(unescape(_TAG.sub("", text)).split())


def _turns(cues: Iterable[_Turn]) -> Iterator[_Turn]:
    turn: _Turn | None = None
    for cue in cues:
        if turn and cue.speaker is None:
            cue.speaker = turn.speaker
        if turn and turn.takes(cue):
            turn.add(cue)
            continue
        if turn:
            yield turn
        turn = cue
    if turn:
        yield turn


def _seconds(found: re.Match[str], first: int) -> float:
    hours, minutes, seconds, fraction = found.groups()[first - 1 : first + 3]
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + float(f"0.{fraction}")
