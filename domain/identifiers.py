"""Identifiers in a query: what names one thing exactly, and how else it may be written.

An identifier is not a word among others: who asks for ``00001026`` wants that case, not texts
about cases. Which texts have it is for ``IdentifierLookup`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qs, urlsplit

from domain.models.analysis import Identifier, IdentifierKind
from domain.parsers.salesforce_ids import sure_id

MAX_IDENTIFIERS = 10


_SCHEME = re.compile(r"https?://|www\.", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_TICKET = re.compile(r"[A-Z][A-Z0-9]{1,9}-\d{1,7}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGITS = re.compile(r"#?(\d{3,20})", re.ASCII)
_AROUND = "<>()[]{}\"'“”‘’,;:!?"
_TRACKING = re.compile(r"(?:utm_\w+|fbclid|gclid|mc_[ce]id)=[^&#]*&?", re.IGNORECASE)
_SLACK_PATH = re.compile(r"/archives/([A-Z0-9]+)/p(\d{10})(\d{6})")
_NUMBERED = frozenset(
    ("case", "ticket", "number", "no", "nr", "order", "invoice", "call", "id", "#", "issue")
)
_CASE_NUMBER_DIGITS = 8
_LONG_NUMBER_DIGITS = 15


def identifiers_in(text: str) -> tuple[Identifier, ...]:
    """The identifiers of a query, each once, in order; the first ten of them.

    A number is one if it begins with a zero, is as long as those of Gong's calls, stands alone in
    the query, or follows a word like *case* or *ticket*; others are quantities or years.
    """
    words = text.split()
    found: dict[tuple[str, ...], Identifier] = {}
    for at, word in enumerate(words):
        before = words[at - 1].strip(_AROUND + ".").casefold() if at else ""
        is_named = before in _NUMBERED or len(words) == 1
        for identifier in _identifiers_of(word.strip(_AROUND).rstrip("."), is_named=is_named):
            found.setdefault(identifier.spellings, identifier)
    return tuple(found.values())[:MAX_IDENTIFIERS]


def _identifiers_of(word: str, *, is_named: bool) -> Iterator[Identifier]:
    if _SCHEME.match(word):
        yield from _url(word)
    elif _EMAIL.fullmatch(word):
        yield Identifier(IdentifierKind.EMAIL, word, (word.casefold(),))
    elif _UUID.fullmatch(word):
        yield Identifier(IdentifierKind.UUID, word, (word.lower(),))
    elif _TICKET.fullmatch(word):
        yield Identifier(IdentifierKind.TICKET, word, (word,))
    elif known := sure_id(word):
        yield _salesforce(word, known)
    elif digits := _DIGITS.fullmatch(word):
        yield from _number(word, digits[1], is_named=is_named or word.startswith("#"))


def _salesforce(written: str, known: str) -> Identifier:
    return Identifier(IdentifierKind.SALESFORCE_ID, written, (known, known[:15]))


def _number(written: str, digits: str, *, is_named: bool) -> Iterator[Identifier]:
    is_padded = digits.startswith("0") and len(digits) > 4
    if not (is_padded or len(digits) >= _LONG_NUMBER_DIGITS or is_named):
        return
    spellings = (digits, digits.zfill(_CASE_NUMBER_DIGITS))
    native = (f"call:{digits}",) if len(digits) >= _LONG_NUMBER_DIGITS else ()
    distinct = tuple(dict.fromkeys(spellings))
    yield Identifier(IdentifierKind.NUMBER, written, distinct, native)


def _url(written: str) -> Iterator[Identifier]:
    """The address itself, and what it is the address of."""
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
    except ValueError:
        return
    native = _native_ids(parts)
    yield Identifier(IdentifierKind.URL, written, (bare_url(written),), native)
    for segment in parts.path.split("/"):
        if "force.com" in parts.netloc and (known := sure_id(segment)):
            yield _salesforce(segment, known)


def bare_url(url: str) -> str:
    """A URL without what does not tell pages apart, its host in lower case."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", url.strip(), flags=re.IGNORECASE)
    bare = _TRACKING.sub("", bare).rstrip("?&#/")
    host, slash, path = bare.partition("/")
    return host.lower() + slash + path


def _native_ids(parts: SplitResult) -> tuple[str, ...]:
    """Slack's permalinks and Gong's links of calls name records as their parsers do."""
    if slack := _SLACK_PATH.fullmatch(parts.path.rstrip("/")):
        return (f"{slack[1]}:{slack[2]}.{slack[3]}",)
    if "gong.io" in parts.netloc:
        return tuple(f"call:{id}" for id in parse_qs(parts.query).get("id", ()))
    return ()
