"""The visible text of an HTML page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

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


def text_of_html(page: str) -> tuple[str, str | None]:
    """The page's text, a line per block and cells parted by `` | ``; and its title."""
    reader = _TextReader()
    reader.feed(page)
    reader.close()
    lines = _MANY_LINE_ENDS.sub("\n", _MANY_SPACES.sub(" ", "".join(reader.texts)))
    title = " ".join("".join(reader.title).split())
    return lines.strip(), title or None


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
            self.texts.append(data)
