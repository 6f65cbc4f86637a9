"""What a query says: words to look for, phrases, exclusions, operators and identifiers.

::

    renewal "annual discount" -"draft" from:"Ann Lee" in:#sales source:slack after:last week

Only what stands at the beginning of a word counts: a colon or a quote inside of one is text, and
so is what follows a backslash. A hyphen excludes what is in quotes alone: before plain words people
write it as a dash, or as that of a command's option. An operator whose value makes no sense is an
error that says what would; nothing that was recognised is silently left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from itertools import islice

from domain.errors import InvalidQueryError
from domain.identifiers import identifiers_in
from domain.models.analysis import AnalysedQuery
from domain.models.records import ContentType
from domain.models.search import SearchFilter
from domain.query_dates import EXAMPLES, MAX_WORDS, Period, period_of
from domain.text_conditions import word_count

CONTENT_TYPES = tuple(kind.value for kind in ContentType if kind is not ContentType.TOMBSTONE)

MAX_PHRASE_CHARS = 500
MAX_CONDITIONS = 20
MAX_CONDITION_WORDS = 100
"""Of a phrase, and of all names: an index's regular expressions have room for twice as many."""

_TERM = re.compile(
    r"""
      \\(?P<escaped>\S+)
    | (?P<minus>-?)(?P<name>from|in|source|type|before|after|since|on|during):
          (?:"(?P<quoted>[^"]*)"|(?P<value>[^\s"]\S*))
    | (?P<not>-?)(?:"(?P<phrase>[^"]*)"|“(?P<curly>[^“”]*)”)(?=$|[\s.,;:!?)\]])
    | (?P<word>\S+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNSUITABLE_SOURCE = re.compile(r"[^\w.-]")
_A_WORD = re.compile(r"\w")


def analysed(text: str, *, now: datetime, zone: tzinfo = UTC) -> AnalysedQuery:
    """Read a query at the moment ``now``, with the asker's time zone for dates.

    Raises:
        InvalidQueryError: an operator's value makes no sense; says what would.
    """
    reader = _Reader(text, now, zone)
    reader.read()
    said = reader.result()
    if said == AnalysedQuery(""):
        raise InvalidQueryError("the query is empty: say what to look for")
    return said


def narrowed(where: SearchFilter, said: AnalysedQuery) -> SearchFilter:
    """``where``, and what the query itself asks for.

    Raises:
        InvalidQueryError: both cannot be.
    """
    since = max(filter(None, (where.since, said.since)), default=None)
    until = min(filter(None, (where.until, said.until)), default=None)
    if since and until and since >= until:
        raise InvalidQueryError(
            f"nothing is both after {since.isoformat()} and before {until.isoformat()}: "
            "look at before:, after:, on:, since and until"
        )
    return replace(
        where,
        sources=_common(where.sources, said.sources, "source"),
        content_types=_common(where.content_types, said.content_types, "type"),
        since=since,
        until=until,
        phrases=(*where.phrases, *said.phrases),
        excluded=(*where.excluded, *said.excluded),
        authors=said.authors or where.authors,
        places=said.places or where.places,
    )


def plain(text: str) -> AnalysedQuery:
    """A query that is not in this language: all of it is looked for, as it is written."""
    return AnalysedQuery(text=text.strip(), identifiers=identifiers_in(text))


@dataclass(slots=True)
class _Reader:
    """Reads term after term."""

    text: str
    now: datetime
    zone: tzinfo
    words: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    _at: int = 0

    def read(self) -> None:
        while True:
            while self._at < len(self.text) and self.text[self._at].isspace():
                self._at += 1
            term = _TERM.match(self.text, self._at)
            if term is None:
                return
            self._at = term.end()
            self._take(term)

    def result(self) -> AnalysedQuery:
        text = " ".join(self.words)
        return AnalysedQuery(
            text=text if _A_WORD.search(text) or not self._has_conditions else "",
            since=self.since,
            until=self.until,
            identifiers=identifiers_in(text),
            **{name: tuple(dict.fromkeys(values)) for name, values in self.lists.items()},
        )

    @property
    def _has_conditions(self) -> bool:
        return bool(self.lists or self.since or self.until)

    def _take(self, term: re.Match[str]) -> None:
        phrase = term["phrase"] if term["phrase"] is not None else term["curly"]
        if term["name"]:
            self._take_operator(term["name"].lower(), term)
        elif phrase is not None:
            self._take_phrase(" ".join(phrase.split()), is_excluded=bool(term["not"]))
        else:
            self.words.append(term["escaped"] or term["word"])

    def _take_phrase(self, phrase: str, *, is_excluded: bool) -> None:
        if not phrase:
            return
        if len(phrase) > MAX_PHRASE_CHARS:
            raise InvalidQueryError(f"a quoted phrase is longer than {MAX_PHRASE_CHARS} characters")
        if word_count(phrase) > MAX_CONDITION_WORDS:
            raise InvalidQueryError(f"a quoted phrase has more than {MAX_CONDITION_WORDS} words")
        self._add("excluded" if is_excluded else "phrases", phrase)
        if not is_excluded:
            self.words.append(phrase)

    def _take_operator(self, name: str, term: re.Match[str]) -> None:
        value = term["quoted"] if term["quoted"] is not None else term["value"]
        if term["minus"]:
            raise InvalidQueryError(
                f"-{name}: is not possible: only words in quotes can be excluded"
            )
        if name in _DATES:
            _DATES[name](self, name, self._period(name, value, is_quoted=term["value"] is None))
        else:
            key, checked = _LISTS[name]
            self._add(key, checked(value.strip()))
            if name == "source":
                # Built-in sources are written small, one's own as one likes.
                self._add(key, value.strip().lower())
            if name == "from" and sum(map(word_count, self.lists[key])) > MAX_CONDITION_WORDS:
                raise InvalidQueryError(
                    f"the names after from: have more than {MAX_CONDITION_WORDS} words"
                )

    def _add(self, name: str, value: str) -> None:
        values = self.lists.setdefault(name, [])
        values.append(value)
        if len(values) > MAX_CONDITIONS:
            raise InvalidQueryError(f"the query has more than {MAX_CONDITIONS} {name}")

    def _period(self, name: str, value: str, *, is_quoted: bool) -> Period:
        """The longest date that begins with ``value``; words after it are read on as text."""
        ends = [self._at]
        if not is_quoted:
            following = re.finditer(r"\s+\S+", self.text[self._at :])
            ends += [self._at + one.end() for one in islice(following, MAX_WORDS - 1)]
        start = self._at - len(value)
        for end in reversed(ends):
            said = value if is_quoted else self.text[start:end]
            if period := period_of(said.rstrip(",;"), now=self.now, zone=self.zone):
                self._at = end
                return period
        raise InvalidQueryError(f"{name}:{value} is no date: write {EXAMPLES} after {name}:")

    def before(self, name: str, period: Period) -> None:
        self._narrow(None, period.start)

    def after(self, name: str, period: Period) -> None:
        self._narrow(period.end, None)

    def begin(self, name: str, period: Period) -> None:
        self._narrow(period.start, None)

    def within(self, name: str, period: Period) -> None:
        if period.is_moment:
            raise InvalidQueryError(f"{name}: needs a day, week, month or year, not a moment")
        self._narrow(period.start, period.end)

    def _narrow(self, since: datetime | None, until: datetime | None) -> None:
        if since:
            self.since = max(self.since, since) if self.since else since
        if until:
            self.until = min(self.until, until) if self.until else until


def _name(value: str) -> str:
    name = value.removeprefix("@").strip()
    if name.casefold() == "me":
        raise InvalidQueryError("from:me is not known: write a name, such as from:ann")
    if not name:
        raise InvalidQueryError('from: needs a name, such as from:ann or from:"Ann Lee"')
    return name


def _place(value: str) -> str:
    place = value.removeprefix("#").strip()
    if not place:
        raise InvalidQueryError("in: needs a channel or the like, such as in:#sales")
    return place


def _source(value: str) -> str:
    if not value or _UNSUITABLE_SOURCE.search(value):
        raise InvalidQueryError(f"source:{value} names no source: write source:slack, for one")
    return value


def _content_type(value: str) -> str:
    kind = value.lower().removesuffix("s")
    if kind not in CONTENT_TYPES:
        raise InvalidQueryError(f"type:{value} is not known: write {', '.join(CONTENT_TYPES)}")
    return kind


_LISTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "from": ("authors", _name),
    "in": ("places", _place),
    "source": ("sources", _source),
    "type": ("content_types", _content_type),
}
_DATES: dict[str, Callable[[_Reader, str, Period], None]] = {
    "before": _Reader.before,
    "after": _Reader.after,
    "since": _Reader.begin,
    "on": _Reader.within,
    "during": _Reader.within,
}


def _common(asked: tuple[str, ...], said: tuple[str, ...], name: str) -> tuple[str, ...]:
    if not asked or not said:
        return asked or said
    both = tuple(each for each in said if each in asked)
    if not both:
        raise InvalidQueryError(
            f"the query says {name}:{said[0]}, the filter {', '.join(asked)}: leave one of them out"
        )
    return both
