"""Identifiers in a query: what names one thing exactly, and how else it may be written.

An identifier is not a word among others: who asks for ``00001026`` wants that case, not texts
about cases. Which texts have it is for ``IdentifierLookup`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import SplitResult, parse_qs, urlsplit

from domain.models.analysis import Identifier, IdentifierKind
from domain.models.records import Record
from domain.parsers.salesforce_ids import sure_id

MAX_IDENTIFIERS = 10


_SCHEME = re.compile(r"https?://|www\.", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_TICKET = re.compile(r"[A-Z][A-Z0-9]{1,9}-\d{1,7}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGITS = re.compile(r"#?(\d{3,20})", re.ASCII)
_AROUND = "<>()[]{}\"'“”‘’,;:!?"
_TRACKED = r"(?:utm_\w+|fbclid|gclid|mc_[ce]id)="
_TRACKING = re.compile(rf"{_TRACKED}[^&#]*&?", re.IGNORECASE)
_TRACKING_IN_TEXT = re.compile(rf"{_TRACKED}[^&#\s<>|\"']*&?", re.IGNORECASE)
# Slack's own ids are capitals and digits; those of exports that were converted may be any.
_SLACK_PATH = re.compile(r"/archives/([\w-]+)/p(\d{10})(\d{6})", re.ASCII)
_NUMBERED = frozenset(
    ("case", "ticket", "number", "no", "nr", "order", "invoice", "call", "id", "#", "issue")
)
_CASE_NUMBER_DIGITS = 8
_LONG_NUMBER_DIGITS = 15
_MAX_URL_CHARS = 2_000
_CALL = "call:"


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
        yield from _number(digits[1], is_named=is_named or word.startswith("#"))


def _salesforce(written: str, known: str) -> Identifier:
    return Identifier(IdentifierKind.SALESFORCE_ID, written, (known, known[:15]))


def _number(digits: str, *, is_named: bool) -> Iterator[Identifier]:
    is_padded = digits.startswith("0") and len(digits) > 4
    if not (is_padded or len(digits) >= _LONG_NUMBER_DIGITS or is_named):
        return
    spellings = (digits, digits.zfill(_CASE_NUMBER_DIGITS))
    native = (f"{_CALL}{digits}",) if len(digits) >= _LONG_NUMBER_DIGITS else ()
    distinct = tuple(dict.fromkeys(spellings))
    yield Identifier(IdentifierKind.NUMBER, digits, distinct, native)


def _url(written: str) -> Iterator[Identifier]:
    """The address itself, and what it is the address of."""
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
    except ValueError:
        return
    bare, native = bare_url(written), _native_ids(parts)
    if not bare[:1].isalnum() or len(bare) > _MAX_URL_CHARS:
        return
    yield Identifier(IdentifierKind.URL, written, (bare,), native)
    for native_id in native:
        if native_id.startswith(_CALL):
            yield from _number(native_id.removeprefix(_CALL), is_named=True)
    for segment in parts.path.split("/"):
        if "force.com" in parts.netloc and (known := sure_id(segment)):
            yield _salesforce(segment, known)


def bare_url(url: str) -> str:
    """A URL without what does not tell pages apart, its host in lower case."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", url.strip(), flags=re.IGNORECASE)
    bare = _TRACKING.sub("", bare).rstrip("?&#/")
    host, slash, path = bare.partition("/")
    return host.lower() + slash + path


NAMED, FIELD, MENTIONED = 3, 2, 1


def exactness(record: Record, identifier: Identifier) -> int:
    """3 for the record that it names, 2 for one with it in a field, 1 for one that mentions it.

    0 for all others, however much they resemble it.
    """
    if _names(record, identifier):
        return NAMED
    if any(_is_spelled(value, identifier) for value in _field_values(record)):
        return FIELD
    texts = (record.title or "", record.content, *_field_values(record))
    return MENTIONED if any(_mentions(text, identifier) for text in texts) else 0


def _names(record: Record, identifier: Identifier) -> bool:
    spelling = identifier.spellings[0]
    match identifier.kind:
        case IdentifierKind.SALESFORCE_ID:
            return record.metadata.get("Id") == spelling
        case IdentifierKind.UUID:
            return str(record.record_id) == spelling
        case IdentifierKind.URL if record.url:
            own = bare_url(record.url).lower() == spelling.lower()
            return own or record.native_id in identifier.native_ids
        case _:
            return record.native_id in identifier.native_ids


def _field_values(record: Record) -> Iterator[str]:
    """The metadata's scalars, items of lists each by themselves."""
    for value in record.metadata.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | int) and not isinstance(item, bool):
                yield str(item)


def _is_spelled(value: str, identifier: Identifier) -> bool:
    if identifier.kind is IdentifierKind.URL:
        return bare_url(value).lower() == identifier.spellings[0].lower()
    if identifier.is_case_sensitive:
        return value in identifier.spellings
    return value.casefold() in {spelling.casefold() for spelling in identifier.spellings}


def _mentions(text: str, identifier: Identifier) -> bool:
    if identifier.kind is IdentifierKind.URL:
        text = _TRACKING_IN_TEXT.sub("", text)
    return _mention_pattern(identifier).search(text) is not None


@lru_cache(maxsize=200)
def _mention_pattern(identifier: Identifier) -> re.Pattern[str]:
    """The identifier as a whole: no longer word, address or number around it."""
    spelled = "|".join(re.escape(spelling) for spelling in identifier.spellings)
    before, after = _EDGES.get(identifier.kind, (r"(?<![\w-])", r"(?![\w-])"))
    flags = 0 if identifier.is_case_sensitive else re.IGNORECASE
    return re.compile(f"{before}(?:{spelled}){after}", flags | re.ASCII)


_EDGES = {
    IdentifierKind.EMAIL: (r"(?<![\w.+%'-])", r"(?![\w-]|\.\w)"),
    IdentifierKind.URL: (r"(?<![\w.-])(?:www\.)?", r"[/?&#]*(?![\w/&=%?-]|\.\w)"),
    IdentifierKind.NUMBER: (r"(?<![\w.,-])", r"(?![\w-]|[.,]\d)"),
}


def _native_ids(parts: SplitResult) -> tuple[str, ...]:
    """Slack's permalinks and Gong's links of calls name records as their parsers do."""
    if slack := _SLACK_PATH.fullmatch(parts.path.rstrip("/")):
        return (f"{slack[1]}:{slack[2]}.{slack[3]}",)
    if "gong.io" in parts.netloc:
        return tuple(f"{_CALL}{id}" for id in parse_qs(parts.query).get("id", ()))
    return ()
