"""Plain text, Markdown and HTML: one document per file, or per section of a large one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from domain.errors import UnreadableFileError
from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers.encodings import byte_lines, detect_encoding, line_decoder
from domain.parsers.forms import (
    MAX_RECORD_BYTES,
    ByteStream,
    Form,
    Head,
    Site,
    raw_start,
    read_fully,
)
from domain.parsers.html_text import text_of_html

SECTIONED_FROM_BYTES = 64 * 1024
MAX_SECTION_BYTES = 256 * 1024
_TITLE_SEARCH_CHARS = 10_000
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$|^([^\n]+)\n(?:===+|---+)\s*$", re.MULTILINE)
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TOP_HEADING = re.compile(rb"#{1,2}\s+\S")


class TextParser(Form):
    """Reads a text as one document; one of 64 KiB or more as its sections.

    A section begins at a Markdown heading of the first or second level, or where the last one
    has reached 256 KiB. HTML is read as its visible text, whole.
    """

    name = "text"
    version = "1"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        encoding = detect_encoding(head.content)
        is_html = looks_like_html(head.content)
        if not head.content.strip():
            raise UnreadableFileError("the file holds only white space; export it again")
        is_small = head.is_whole and len(head.content) < SECTIONED_FROM_BYTES
        return {
            "format": "html" if is_html else "text",
            "encoding": encoding.name,
            "bom_bytes": encoding.bom_bytes,
            "is_sectioned": not is_html and not is_small,
        }

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        start += len(read_fully(stream, layout["bom_bytes"]))
        if layout["is_sectioned"]:
            parts = _sections(stream, layout["encoding"], start)
        else:
            content = read_fully(stream, MAX_RECORD_BYTES + 1)
            parts = iter([_Part(content, start, start + len(content))])
        decode = line_decoder(layout["encoding"])
        for number, part in enumerate(parts, start=1):
            place = site.place(part.start, part.end)
            if part.end - part.start > MAX_RECORD_BYTES:
                yield RejectedItem(_TOO_LARGE, place, raw_start(part.content))
                continue
            text, title = decode(part.content), None
            if layout["format"] == "html":
                text, title = text_of_html(text)
            yield _document(text, title or _title_of(text, site, number), place, site)


@dataclass(frozen=True, slots=True)
class _Part:
    content: bytes
    start: int
    end: int


_TOO_LARGE = f"the text has no line end within {MAX_RECORD_BYTES // 1024**2} MiB; split it"


def looks_like_html(head: bytes) -> bool:
    """Whether a text begins like an HTML page."""
    return bool(_HTML.match(head.removeprefix(b"\xef\xbb\xbf")))


def _sections(stream: ByteStream, encoding: str, start: int) -> Iterator[_Part]:
    lines: list[bytes] = []
    end = start
    for line in byte_lines(stream, encoding, max_bytes=MAX_RECORD_BYTES):
        size = len(line)
        is_full = end + size - start > MAX_SECTION_BYTES
        if lines and (is_full or _TOP_HEADING.match(line)):
            yield _Part(b"".join(lines), start, end)
            lines, start = [], end
        lines.append(line)
        end += size
    if lines:
        yield _Part(b"".join(lines), start, end)


def _title_of(text: str, site: Site, number: int) -> str:
    """The first heading, else the file's name without its ending."""
    heading = _HEADING.search(text[:_TITLE_SEARCH_CHARS])
    if heading:
        return (heading[1] or heading[2]).strip()[:300]
    stem = PurePosixPath(site.name).stem
    return stem if number == 1 else f"{stem}, part {number}"


def _document(text: str, title: str, place: Place, site: Site) -> ParsedItem:
    content = text.strip()
    if not content:
        return DroppedItem("blank_text", place)
    context = site.context
    return Record(
        source_type=context.source_type,
        native_id=f"{context.sha256[:32]}:{place}",
        content_type=ContentType.DOCUMENT,
        content=content,
        place=place,
        title=title,
        metadata={"filename": site.name},
    )
