"""Texts as they are compared: lower case, without accents, in words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_CODE = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)+")
_LEGAL_FORMS = frozenset(
    {
        *("ab", "ag", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "incorporated"),
        *("kg", "kk", "limited", "llc", "llp", "ltd", "nv", "oy", "plc", "pte", "pty"),
        *("sa", "sarl", "sas", "se", "spa", "srl"),
    }
)


def folded(text: str) -> str:
    """Lower case, without accents and with compatibility characters replaced; ``Ä`` gives ``a``."""
    if text.isascii():
        return text.casefold()
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


@lru_cache(maxsize=20_000)
def words(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, folded, in their order; apostrophes join, the rest parts."""
    return tuple(_WORD.findall(folded(text).replace("'", "").replace("’", "")))


@lru_cache(maxsize=20_000)
def words_and_codes(text: str) -> tuple[str, ...]:
    """The distinct words, and codes such as ``PS-LX350H`` joined to one word beside their parts."""
    codes = (re.sub(r"[-/.]", "", code) for code in _CODE.findall(folded(text)))
    return tuple(dict.fromkeys((*words(text), *filter(is_code, codes))))


def is_code(word: str) -> bool:
    """Whether a word looks like a model or serial number: with a digit and not short."""
    return len(word) >= 4 and any(c.isdigit() for c in word)


@lru_cache(maxsize=20_000)
def company_words(text: str) -> tuple[str, ...]:
    """A company's words without its legal form, unless there are no others."""
    own = tuple(word for word in words(text) if word not in _LEGAL_FORMS)
    return own or words(text)


def legal_form(text: str) -> str:
    """What ``company_words`` leaves out; empty where it leaves out nothing."""
    own = company_words(text)
    return " ".join(word for word in words(text) if word in _LEGAL_FORMS and word not in own)


def is_legal_form(text: str) -> bool:
    """Whether all that the text says is a company's legal form, as ``Inc.`` does."""
    return len(words(text)) == 1 and words(text)[0] in _LEGAL_FORMS
