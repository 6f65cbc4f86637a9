"""Which columns of a generic record hold its text, title, time, link, author and id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from domain.errors import UnreadableFileError
from domain.models.files import ImportOptions
from domain.models.records import JsonValue
from domain.parsers.readable import is_blank
from domain.parsers.timestamps import parse_timestamp

SAMPLE_RECORDS = 200


def _words(text: str) -> list[str]:
    return text.split()


_TEXT = _words("""
    text body content message message_text message_body text_body comment_body transcript
    conversation description comment comments note notes summary details abstract review
    snippet excerpt question answer resolution reply feedback issue story
""")
_TEXT_ENDINGS = ("_text", "_body", "_content", "_description", "_comment", "_notes", "_message")
_TITLE = _words("""
    title subject headline name full_name display_name topic summary label question event_name
    task_name
""")
_TITLE_ENDINGS = ("_title", "_subject", "_name")
_NOT_TITLES = {"first_name", "last_name", "middle_name", "user_name", "owner_name", "file_name"}
_TIME = _words("""
    timestamp ts datetime date_time sent_datetime sent_at sent date time started started_at
    start_time event_start created_at created created_date created_time created_on
    activity_date published published_at posted posted_at close_date due_date updated_at
    updated last_modified_date modified system_modstamp
""")
_TIME_ENDINGS = ("_at", "_date", "_time", "_datetime", "_timestamp", "_ts", "_on")
_URL = _words("url permalink link href web_url website uri")
_URL_ENDINGS = ("_url", "_link")
_AUTHOR = _words("""
    author sender from speaker user user_name username created_by posted_by reporter owner
""")
_ID = _words("""
    id uuid guid _id key record_id external_id external_key case_number ticket_number order_number
    invoice_number call_number
""")
_ID_ENDINGS = ("_id", "_key", "_uuid")

_PROSE_CHARS = 120
_PROSE_WORDS = 15
_NAMED_PROSE_WORDS = 3
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CUSTOM_FIELD = re.compile(r"__c$", re.IGNORECASE)
_NOT_WORD = re.compile(r"[^0-9a-z]+")

BY_NAME = "by its name"
BY_VALUES = "by its values"
AS_ASKED = "as the import options say"


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """The chosen columns of one file, and in ``reasons`` the rule that chose each of them.

    A column inside a nested object is written with dots: ``metaData.title``.
    """

    text: tuple[str, ...] = ()
    title: str | None = None
    timestamp: str | None = None
    url: str | None = None
    author: str | None = None
    id: str | None = None
    id_is_identity: bool = False
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """As it travels in ``Slice.context`` and is shown to users."""
        return {
            "text": list(self.text),
            "title": self.title,
            "timestamp": self.timestamp,
            "url": self.url,
            "author": self.author,
            "id": self.id,
            "id_is_identity": self.id_is_identity,
            "reasons": dict(self.reasons),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, JsonValue]) -> ColumnRules:
        return cls(**{**stored, "text": tuple(stored["text"])})


def choose_columns(
    columns: Sequence[str], sample: Sequence[Mapping[str, JsonValue]], options: ImportOptions
) -> ColumnRules:
    """Choose by the options first, then by names, then by the sampled values.

    Raises:
        UnreadableFileError: an option names a column that does not exist.
    """
    chooser = _Chooser(columns, sample[:SAMPLE_RECORDS])
    text = _asked_columns(options.text_columns, columns) or chooser.text_columns()
    title = _asked(options.title_column, columns) or chooser.title(text)
    timestamp = _asked(options.timestamp_column, columns) or chooser.timestamp()
    record_id = _asked(options.id_column, columns) or chooser.id()
    asked = {
        "text": options.text_columns,
        "title": options.title_column,
        "timestamp": options.timestamp_column,
        "id": options.id_column,
    }
    reasons = chooser.reasons | {role: AS_ASKED for role, wish in asked.items() if wish}
    return ColumnRules(
        text=text,
        title=title,
        timestamp=timestamp,
        url=chooser.url(),
        author=chooser.author(),
        id=record_id,
        id_is_identity=options.id_column is not None,
        reasons=reasons | chooser.reasons_of_links(),
    )


def lookup(values: Mapping[str, JsonValue], column: str) -> JsonValue:
    """A column's value; a dotted column may lie in nested objects."""
    if column in values:
        return values[column]
    at: JsonValue = values
    for key in column.split("."):
        if not isinstance(at, dict):
            return None
        at = at.get(key)
    return at


def columns_of(sample: Sequence[Mapping[str, JsonValue]]) -> list[str]:
    """Every column of the records in order of appearance, one level of nesting included."""
    names = chain.from_iterable(_names_in(record) for record in sample)
    return list(dict.fromkeys(names))


def _names_in(record: Mapping[str, JsonValue]) -> Iterator[str]:
    for key, value in record.items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)


def _asked(wish: str | None, columns: Sequence[str]) -> str | None:
    if wish is None:
        return None
    if wish in columns:
        return wish
    alike = [column for column in columns if column.lower() == wish.lower()]
    if len(alike) == 1:
        return alike[0]
    shown = ", ".join(columns[:100])
    raise UnreadableFileError(f"there is no column {wish!r}; the columns are: {shown}")


def _asked_columns(wishes: Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(column for wish in wishes or () if (column := _asked(wish, columns)))


def _plain(column: str) -> str:
    """The column's own name in snake_case: ``metaData.startTime`` → ``start_time``."""
    name = _CUSTOM_FIELD.sub("", column.rsplit(".", 1)[-1])
    snake = _NOT_WORD.sub("_", _CAMEL.sub("_", name).lower())
    return snake if snake == "_id" else snake.strip("_")


class _Chooser:
    """Ranks the columns for one role after the other; ``reasons`` fills up on the way."""

    def __init__(self, columns: Sequence[str], sample: Sequence[Mapping[str, JsonValue]]) -> None:
        self._columns = columns
        self._plain = {column: _plain(column) for column in columns}
        self._values = {
            column: [v for record in sample if not is_blank(v := lookup(record, column))]
            for column in columns
        }
        self._count = len(sample)
        self.reasons: dict[str, str] = {}

    def text_columns(self) -> tuple[str, ...]:
        named = [
            c for c in self._named(_TEXT, _TEXT_ENDINGS) if self._words(c) >= _NAMED_PROSE_WORDS
        ]
        prose = [c for c in self._columns if c not in named and self._is_prose(c)]
        if named or prose:
            self.reasons["text"] = BY_NAME if named else BY_VALUES
        return (*named, *prose)

    def title(self, text: Sequence[str]) -> str | None:
        names = [
            c for c in self._named(_TITLE, _TITLE_ENDINGS) if self._plain[c] not in _NOT_TITLES
        ]
        return self._first("title", [c for c in names if c not in text and self._is_short_text(c)])

    def timestamp(self) -> str | None:
        named = [
            c
            for c in self._named(_TIME, _TIME_ENDINGS)
            if self._share(c, lambda value: parse_timestamp(value) is not None) >= 0.8
        ]
        if named:
            return self._first("timestamp", named)
        dated = [c for c in self._columns if self._share(c, _is_dated_text) >= 0.95]
        return self._first("timestamp", dated, BY_VALUES)

    def url(self) -> str | None:
        named = self._named(_URL, _URL_ENDINGS)
        return next((c for c in named if self._share(c, _is_link) >= 0.8), None)

    def author(self) -> str | None:
        named = self._named(_AUTHOR, ())
        return next((c for c in named if self._is_short_text(c)), None)

    def id(self) -> str | None:
        return self._first("id", [c for c in self._named(_ID, _ID_ENDINGS) if self._is_unique(c)])

    def reasons_of_links(self) -> dict[str, str]:
        chosen = {"url": self.url(), "author": self.author()}
        return {role: BY_NAME for role, column in chosen.items() if column}

    def _named(self, names: Sequence[str], endings: tuple[str, ...]) -> list[str]:
        """Columns with one of the names, best first: own columns before nested ones."""
        ranks = {name: rank for rank, name in enumerate(names)}
        ranked = []
        for position, column in enumerate(self._columns):
            plain = self._plain[column]
            rank = ranks.get(plain, len(ranks) if endings and plain.endswith(endings) else None)
            if rank is not None and self._values[column]:
                ranked.append(("." in column, rank, position, column))
        return [column for *_, column in sorted(ranked)]

    def _first(self, role: str, columns: Sequence[str], reason: str = BY_NAME) -> str | None:
        if not columns:
            return None
        self.reasons[role] = reason
        return columns[0]

    def _share(self, column: str, holds: Callable[[JsonValue], bool]) -> float:
        values = self._values[column]
        return sum(map(holds, values)) / len(values) if values else 0.0

    def _words(self, column: str) -> float:
        texts = [value for value in self._values[column] if isinstance(value, str)]
        return sum(len(text.split()) for text in texts) / len(texts) if texts else 0.0

    def _is_prose(self, column: str) -> bool:
        texts = [value for value in self._values[column] if isinstance(value, str)]
        if not texts or len(texts) < len(self._values[column]):
            return False
        mean_chars = sum(map(len, texts)) / len(texts)
        is_data = sum(text.lstrip()[:1] in ("{", "[") for text in texts) * 2 > len(texts)
        return mean_chars >= _PROSE_CHARS and self._words(column) >= _PROSE_WORDS and not is_data

    def _is_short_text(self, column: str) -> bool:
        return self._share(column, lambda v: isinstance(v, str) and len(v) <= 300) >= 0.9

    def _is_unique(self, column: str) -> bool:
        values = [v for v in self._values[column] if isinstance(v, str | int)]
        return len(values) == self._count == len(set(values)) and self._count > 0


def _is_dated_text(value: JsonValue) -> bool:
    return isinstance(value, str) and "-" in value and parse_timestamp(value) is not None


def _is_link(value: JsonValue) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))
