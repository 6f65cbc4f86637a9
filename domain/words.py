"""Words for scripts that put no spaces between them: pairs of neighbouring characters.

A keyword index cuts text at spaces and signs. A run of Chinese, Japanese or Korean characters
would be one word there, found only by who asks for the whole run. So texts are given to the
index with the run's single characters and pairs added, and queries ask for the pairs. All other
words stay as they are, and so does how they are stemmed.
"""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # radicals, numerals, repetition marks
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul
)
"""Characters of such scripts, as inside of a regular expression's brackets."""

SIGNS = (
    "\u00a1-\u00a9\u00ab-\u00b1\u00b6\u00b7\u00bb\u00bf\u00d7\u00f7\u2010-\u2bff"
    "\U0001f000-\U0001faff"
)
"""Signs beyond ASCII, which not every tokenizer tells from letters."""

_RUN = re.compile(f"[{UNSPACED}]+")
_RUN_OR_SIGNS = re.compile(f"[{UNSPACED}{SIGNS}]+")
_MIXED_WORD = re.compile(rf"\w*[{UNSPACED}]\w*")


def has_unspaced(text: str) -> bool:
    """Whether any of the text is written without spaces between words."""
    return not text.isascii() and _RUN.search(text) is not None


def indexed_words(text: str) -> str:
    """``text`` as a keyword index is to read it: the text, then what its unspaced words add."""
    if not has_unspaced(text):
        return text
    words = _MIXED_WORD.findall(unicodedata.normalize("NFKC", text))
    added = (_RUN.sub(lambda run: _spaced(run[0], with_characters=True), word) for word in words)
    return f"{text}\n{' '.join(' '.join(added).split())}"


def asked_words(text: str) -> str:
    """``text`` as a keyword index is to be asked for it: pairs in place of unspaced runs."""
    if not has_unspaced(text):
        return text
    normal = unicodedata.normalize("NFKC", text)
    return _RUN.sub(lambda run: _spaced(run[0]), normal)


def pairs_of(text: str) -> list[str]:
    """The pairs that ``asked_words`` puts in place of unspaced runs, or single characters."""
    if not has_unspaced(text):
        return []
    normal = unicodedata.normalize("NFKC", text)
    return [pair for run in _RUN.findall(normal) for pair in _spaced(run).split()]


def without_unspaced(text: str) -> str:
    """``text`` with blanks in place of unspaced runs, and of signs beyond ASCII."""
    if text.isascii():
        return text
    return _RUN_OR_SIGNS.sub(" ", unicodedata.normalize("NFKC", text))


def _spaced(run: str, *, with_characters: bool = False) -> str:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    alone = list(run) if with_characters or not pairs else []
    return f" {' '.join(alone + pairs)} "
