"""Cutting a text at its headings, and gathering the sections into records that are not too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from domain.models.records import JsonValue, Segment
from domain.parsers.documents.assembling import MAX_CONTENT_CHARS
from domain.parsers.documents.sections import HeadingPath

_HEADING = re.compile(r"(#{1,6})\s+(\S.*?)\s*#*\s*\Z")
_UNDERLINE = re.compile(r"(=+|-{3,})\s*\Z")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_NO_HEADING_MARKS = "-*+>|#=`"


@dataclass(slots=True)
class Section:
    """A heading and the text below it, up to the next one; ``start``–``end`` are bytes."""

    path: str
    start: int
    end: int
    lines: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    chars: int = 0

    def add(self, line: str, size: int) -> None:
        """Append a line that takes ``size`` bytes."""
        self.lines.append(line)
        self.sizes.append(size)
        self.chars += len(line)
        self.end += size

    def remove_last(self) -> tuple[str, int]:
        """Take the last line off again."""
        line, size = self.lines.pop(), self.sizes.pop()
        self.chars -= len(line)
        self.end -= size
        return line, size


def sections_of(
    lines: Iterable[bytes], decode: Callable[[bytes], str], start: int
) -> Iterator[Section]:
    """The sections of a Markdown text; any other text is one, or several of a million characters.

    A heading is a line with ``#`` before it or with ``===`` or ``---`` below it, outside of code.
    """
    path, fence = HeadingPath(), ""
    section = Section("", start, start)
    for raw in lines:
        line, size = decode(raw), len(raw)
        if opened := _FENCE.match(line):
            fence = "" if fence == opened[1] else fence or opened[1]
        heading = None if fence else _HEADING.match(line)
        if heading:
            path.enter(len(heading[1]), heading[2])
        if section.lines and (heading or section.chars + len(line) > MAX_CONTENT_CHARS):
            yield section
            section = Section(str(path), section.end, section.end)
        elif not fence and _UNDERLINE.match(line) and (title := _title_above(section)):
            path.enter(1 if line.startswith("=") else 2, title)
            title_line = section.remove_last()
            if section.lines:
                yield section
            section = Section(str(path), section.end, section.end)
            section.add(*title_line)
        elif heading:
            section.path = str(path)
        section.add(line, size)
    if section.lines:
        yield section


def _title_above(section: Section) -> str | None:
    """The section's last line, if it can be a title that is underlined."""
    last = section.lines[-1].strip() if section.lines else ""
    before = section.lines[-2].strip() if len(section.lines) > 1 else ""
    is_title = last and not before and last[0] not in _NO_HEADING_MARKS
    return last if is_title else None


def gathered(sections: Iterable[Section]) -> Iterator[list[Section]]:
    """Neighbouring sections, as many together as a record may hold."""
    group, chars = list[Section](), 0
    for section in sections:
        if group and chars + section.chars > MAX_CONTENT_CHARS:
            yield group
            group, chars = [], 0
        group.append(section)
        chars += section.chars
    if group:
        yield group


def content_of(group: list[Section]) -> tuple[str, tuple[Segment, ...]]:
    """The sections' text without the white space around it; a segment for each of them.

    A text without headings has no segments.
    """
    texts = ["".join(section.lines) for section in group]
    whole = "".join(texts)
    content = whole.strip()
    at = len(whole.lstrip()) - len(whole)
    segments = []
    for section, text in zip(group, texts, strict=True):
        start, end = max(0, at), min(at + len(text.rstrip()), len(content))
        at += len(text)
        if start < end:
            metadata: dict[str, JsonValue] = {"section": section.path} if section.path else {}
            segments.append(Segment(start, end, metadata))
    has_headings = any(section.path for section in group)
    return content, tuple(segments) if has_headings else ()
