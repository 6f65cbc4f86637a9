"""Texts as they are compared: lower case, without accents, in words."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")


def folded(text: str) -> str:
    """Lower case, without accents and with compatibility characters replaced; ``Ä`` gives ``a``."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, folded, in their order; apostrophes join, the rest parts."""
    return tuple(_WORD.findall(folded(text).replace("'", "").replace("’", "")))
