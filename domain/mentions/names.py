"""Names of known entities in running text: what in a text may be one, and which of these it has.

A name has two words or more, and begins and ends in a text with words that are not written small;
a comma between two of them is part of it. So of a text's words few may be names, and a store is
asked for these alone. Letters of ASCII are the same in either case; others are compared as they are
written, since the store's full text, which finds the texts of a name that comes later, may know no
case of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from domain.correlating.normal import is_legal_form
from domain.models.entities import IN_TEXT, Description, EntityKind, Mention, Role

NAMED_KINDS = frozenset(
    (EntityKind.PERSON, EntityKind.ACCOUNT, EntityKind.OPPORTUNITY, EntityKind.PRODUCT)
)
MIN_WORDS, MAX_WORDS = 2, 6
MAX_TEXT_CHARS = 100_000
"""As many as the store's full text has."""

MAX_CANDIDATES = 2_000
"""A text that is all capitals asks no more of a store."""

KnownNames = Mapping[str, Collection[EntityKind]]
"""Names as ``known_name`` writes them, with the kinds of those who are called so."""

_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|&")
_AROUND = "()[]{}\"'“”‘’«»*…,.;:!?"
_POSSESSIVE = ("'s", "’s")
_SHORT_FORMS = frozenset(("dr", "jr", "mr", "mrs", "ms", "prof", "sr", "st"))
"""The stop behind them ends no sentence, nor does one behind a letter by itself."""


def known_name(kind: EntityKind, name: str) -> str | None:
    """The name as texts are searched for it; ``None`` if they are not.

    That of an account without its legal form, which people leave out, unless one word is left; a
    hyphen makes two words of one there, and in names of products and the like.
    """
    if kind not in NAMED_KINDS:
        return None
    pieces = name.split()
    without = list(pieces)
    if kind is EntityKind.ACCOUNT:
        while without and is_legal_form(without[-1]):
            del without[-1]
    is_person = kind is EntityKind.PERSON
    return _name_of(without, is_person=is_person) or _name_of(pieces, is_person=is_person)


def _name_of(pieces: Sequence[str], *, is_person: bool) -> str | None:
    runs = list(_runs(" ".join(pieces)))
    if len(runs) != 1 or len(runs[0]) > MAX_WORDS:
        return None
    [words] = runs
    is_long_enough = len(words) >= MIN_WORDS or ("-" in words[0] and not is_person)
    return _folded(words) if is_long_enough else None


def name_candidates(text: str) -> frozenset[str]:
    """All that may be a name in the text, as ``known_name`` writes it; the first 2,000."""
    spans = (_folded(run[begin:end]) for run in _runs(text) for begin, end in _spans(run))
    return frozenset(islice(spans, MAX_CANDIDATES))


def names_in(text: str, known: KnownNames) -> Iterator[Mention]:
    """The known names in a text, in their order, none within another, the longest first.

    A mention has a key of its own, which says no more than the name: whose it is, near matching
    decides, as it does of whatever shares no key.
    """
    for run in _runs(text) if known else ():
        after = 0
        for begin, end in _spans(run):
            if begin >= after and (kinds := known.get(name := _folded(run[begin:end]))):
                after = end
                written = " ".join(run[begin:end]).rstrip(",")
                for kind in sorted(kinds):
                    described = Description(kind, frozenset((f"{IN_TEXT}{name}",)), written)
                    yield Mention(described, Role.MENTION)


def _runs(text: str) -> Iterator[list[str]]:
    """The text's words, as far as they follow each other with blanks or commas between them.

    A word keeps its comma.
    """
    run: list[str] = []
    for piece in text[:MAX_TEXT_CHARS].split():
        if piece.isalpha():  # Most are, and this is many times faster than a pattern.
            run.append(piece)
            continue
        left = piece.lstrip(_AROUND)
        word = left.rstrip(_AROUND)
        is_word = _WORD.fullmatch(word) is not None
        if run and not (is_word and len(left) == len(piece)):
            yield run
            run = []
        if is_word:
            is_owner = word.endswith(_POSSESSIVE)
            behind = left[len(word) :]
            is_short = behind == "." and (len(word) == 1 or word.lower() in _SHORT_FORMS)
            if is_owner:
                run.append(word[:-2])
            else:
                run.append(f"{word}," if behind == "," else word)
            if is_owner or (behind not in ("", ",") and not is_short):
                yield run
                run = []
    if run:
        yield run


def _spans(run: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where names may begin and end (behind the last word), from left to right, long ones first."""
    ends = [at for at, word in enumerate(run) if not word.islower() and word[0] != "&"]
    for begin in ends:
        for last in reversed(ends):
            count = last + 1 - begin
            if MIN_WORDS <= count <= MAX_WORDS or (count == 1 and "-" in run[begin]):
                yield begin, last + 1


def _folded(words: Sequence[str]) -> str:
    name = " ".join(words).rstrip(",").replace("’", "'")
    if name.isascii():
        return name.lower()
    return " ".join(word.lower() if word.isascii() else word for word in name.split(" "))
