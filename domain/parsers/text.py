"""Plain text, Markdown and HTML: one document per file, its sections as segments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from domain.errors import UnreadableFileError
from domain.models.records import DroppedItem, JsonValue, ParsedItem, RejectedItem
from domain.parsers.documents.assembling import (
    MAX_CONTENT_CHARS,
    DocumentFrame,
    grouped,
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
from domain.parsers.html_text import sections_of_html
from domain.parsers.text_sections import Section, content_of, gathered, sections_of
from domain.ports.extraction import DocumentFacts, Unit

BLANK_TEXT = "blank_text"
_TITLE_SEARCH_CHARS = 10_000
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$|^([^\n]+)\n(?:===+|---+)\s*$", re.MULTILINE)
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


class TextParser(Form):
    """Reads a text as one document, or as several where it has more than a million characters.

    A Markdown text's sections and an HTML page's are the segments; a record ends with one of
    them. HTML is read as its visible text.
    """

    name = "text"
    version = "2"

    def layout(self, head: Head, site: Site) -> dict[str, JsonValue]:
        encoding = detect_encoding(head.content)
        if not head.content.strip():
            raise UnreadableFileError("the file holds only white space; export it again")
        return {
            "format": "html" if looks_like_html(head.content) else "text",
            "encoding": encoding.name,
            "bom_bytes": encoding.bom_bytes,
        }

    def items(
        self, stream: ByteStream, layout: Mapping[str, JsonValue], site: Site, *, start: int = 0
    ) -> Iterator[ParsedItem]:
        start += len(read_fully(stream, layout["bom_bytes"]))
        decode = line_decoder(layout["encoding"])
        if layout["format"] == "html":
            yield from _page_items(stream, decode, site, start)
            return
        lines = byte_lines(stream, layout["encoding"], max_bytes=MAX_RECORD_BYTES)
        for number, group in enumerate(gathered(sections_of(lines, decode, start)), start=1):
            yield from _group_items(group, number, site)


_TOO_LARGE = f"the text has no line end within {MAX_RECORD_BYTES // 1024**2} MiB; split it"


def _group_items(group: list[Section], number: int, site: Site) -> Iterator[ParsedItem]:
    place = site.place(group[0].start, group[-1].end)
    if place.end - place.start > MAX_RECORD_BYTES and len(group[0].lines) == 1:
        yield RejectedItem(_TOO_LARGE, place, raw_start(group[0].lines[0].encode()))
        return
    content, segments = content_of(group)
    if not content:
        yield DroppedItem(BLANK_TEXT, place)
        return
    facts = DocumentFacts(title=_title_of(content, site, number))
    frame = DocumentFrame(site, place, facts)
    if len(content) <= MAX_CONTENT_CHARS:
        yield frame.record(content, segments)
        return
    for ordinal, pieces in enumerate(grouped([Unit(content)])):
        yield frame.record(pieces.content(), (), ordinal)


def _page_items(
    stream: ByteStream, decode: Callable[[bytes], str], site: Site, start: int
) -> Iterator[ParsedItem]:
    content = read_fully(stream, MAX_RECORD_BYTES + 1)
    place = site.place(start, start + len(content))
    if len(content) > MAX_RECORD_BYTES:
        error = f"the page has more than {MAX_RECORD_BYTES // 1024**2} MiB; split it"
        yield RejectedItem(error, place, raw_start(content))
        return
    sections, title = sections_of_html(decode(content))
    units = [Unit(text, {"section": path} if path else {}) for path, text in sections]
    if not units:
        yield DroppedItem(BLANK_TEXT, place)
        return
    title = title or _title_of("\n".join(unit.text for unit in units), site, 1)
    frame = DocumentFrame(site, place, DocumentFacts(title=title))
    for ordinal, group in enumerate(grouped(units, between="\n")):
        segments = group.segments if len(units) > 1 else ()
        yield frame.record(group.content(), segments, ordinal)


def looks_like_html(head: bytes) -> bool:
    """Whether a text begins like an HTML page."""
    return bool(_HTML.match(head.removeprefix(b"\xef\xbb\xbf")))


def _title_of(text: str, site: Site, number: int) -> str:
    """The first heading, else the file's name without its ending."""
    heading = _HEADING.search(text[:_TITLE_SEARCH_CHARS])
    if heading:
        return (heading[1] or heading[2]).strip()[:300]
    stem = PurePosixPath(site.name).stem
    return stem if number == 1 else f"{stem}, part {number}"
