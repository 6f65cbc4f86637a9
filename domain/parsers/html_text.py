"""The visible text of an HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from domain.parsers.documents.sections import HeadingPath

_HIDDEN = frozenset(("script", "style", "template", "noscript"))
_BLOCKS = frozenset(
    (
        *("address", "article", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "footer"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p"),
        *("pre", "section", "table", "tr", "ul"),
    )
)
_CELLS = frozenset(("td", "th"))
_MANY_LINE_ENDS = re.compile(r"\s*\n\s*")
_MANY_SPACES = re.compile(r"[ \t\f\v\xa0]+")


_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_MARK = "\ue003"
"""A private-use character, which begins the line of a heading while the page is read."""
_MARKED = re.compile(f"{_MARK}([1-6])")


def text_of_html(page: str) -> tuple[str, str | None]:
    """The page's text, a line per block and cells parted by `` | ``; and its title."""
    sections, title = sections_of_html(page)
    return "\n".join(text for _, text in sections), title


def sections_of_html(page: str) -> tuple[list[tuple[str, str]], str | None]:
    """The page's text by its headings, each with the path of headings that it stands under."""
    reader = _TextReader()
    reader.feed(page)
    reader.close()
    text = _MANY_LINE_ENDS.sub("\n", _MANY_SPACES.sub(" ", "".join(reader.texts))).strip()
    title = " ".join("".join(reader.title).split())
    return list(_sections(text)), title or None


def _sections(text: str) -> Iterator[tuple[str, str]]:
    path = HeadingPath()
    before, *marked = _MARKED.split(text)
    if before.strip():
        yield "", before.strip()
    for level, section in zip(marked[::2], marked[1::2], strict=True):
        body = section.strip()
        if body:
            path.enter(int(level), body.partition("\n")[0])
            yield str(path), body


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.title: list[str] = []
        self._hidden = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _HIDDEN
        self._in_title = tag == "title"
        if tag in _BLOCKS:
            self.texts.append("\n")
        if tag in _HEADINGS and not self._hidden:
            self.texts.append(f"{_MARK}{_HEADINGS[tag]}")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1
        if tag == "title":
            self._in_title = False
        if tag in _CELLS:
            self.texts.append(" | ")
        elif tag in _BLOCKS:
            self.texts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._hidden:
            self.texts.append(data.replace(_MARK, ""))
