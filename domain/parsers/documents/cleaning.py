"""What every extracted text goes through."""

from __future__ import annotations

import re

from domain.parsers.readable import clean_text

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TRAILING_SPACES = re.compile(r"[ \t\xa0]+$", re.MULTILINE)
_MANY_BLANK_LINES = re.compile(r"\n{3,}")


def clean_lines(text: str) -> str:
    """``text`` with plain line ends, at most one blank line in a row, and nothing unstorable."""
    text = _LINE_ENDS.sub("\n", text)
    text = _TRAILING_SPACES.sub("", text)
    return clean_text(_MANY_BLANK_LINES.sub("\n\n", text)).strip()
