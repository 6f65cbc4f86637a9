"""Making a record of columns and values, whatever system they come from."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
)
from domain.parsers.column_rules import ColumnRules, lookup
from domain.parsers.forms import Site
from domain.parsers.readable import is_blank, lines_of, scalar_text
from domain.parsers.timestamps import parse_timestamp

MAX_CONTENT_CHARS = 1_000_000
MAX_METADATA_CHARS = 2_000
SOURCE_ID = "source_id"
TRUNCATED = "_truncated"
BLANK_ROW = "blank_row"
_NO_EXTRA: dict[str, JsonValue] = {}


class RecordBuilder:
    """Builds the records of one stream under the same rules.

    The content is the text columns, then a ``column: value`` line for every other column that
    is not blank, so that nothing of the record is unfindable. The metadata hold every such
    column; a value of more than 2,000 characters is cut there, as the content has it in full,
    and ``_truncated`` names its column. A record of more than a million characters is rejected,
    one without any value is dropped. Values hold no NUL and no lone surrogates.
    """

    def __init__(self, rules: ColumnRules, site: Site) -> None:
        self.rules = rules
        self.site = site
        context = site.context
        self._source_type = context.source_type
        self._content_id = context.sha256[:32]
        self._text_columns = frozenset(rules.text)

    def build(
        self,
        values: Mapping[str, JsonValue],
        place: Place,
        *,
        extra: dict[str, JsonValue] = _NO_EXTRA,
    ) -> ParsedItem:
        """The record of the values; ``extra`` goes to its metadata only."""
        kept = {
            column: value
            for column, value in values.items()
            # Most values are texts; asking these here saves a call for each.
            if (value and not value.isspace() if type(value) is str else not is_blank(value))
        }
        if not kept:
            return DroppedItem(BLANK_ROW, place)
        lines, is_flat = self._lines(kept)
        content = self._content(kept, lines)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        rules = self.rules
        native_id = self._native_id(kept, place)
        title, author, url = (
            self._text(kept, rules.title),
            self._text(kept, rules.author),
            self._text(kept, rules.url),
        )
        timestamp = parse_timestamp(lookup(kept, rules.timestamp)) if rules.timestamp else None
        metadata = self._metadata(kept, is_short=is_flat and self._is_short(kept, content))
        return Record(
            source_type=self._source_type,
            native_id=native_id,
            content_type=ContentType.RECORD,
            content=content,
            place=place,
            title=title,
            author=author,
            timestamp=timestamp,
            url=url,
            metadata=metadata | extra if extra else metadata,
        )

    def build_plain(self, value: JsonValue, place: Place) -> ParsedItem:
        """The record of a value without columns: a text, a number, a list of such."""
        content = "\n".join(lines_of("", value))
        if not content:
            return DroppedItem(BLANK_ROW, place)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        context = self.site.context
        return Record(
            source_type=context.source_type,
            native_id=self._native_id({}, place),
            content_type=ContentType.RECORD,
            content=content,
            place=place,
            metadata={"value": shortened(value)},
        )

    def _lines(self, kept: Mapping[str, JsonValue]) -> tuple[list[str], bool]:
        """A line or more for every column but the text columns; whether no value is nested."""
        lines: list[str] = []
        is_flat = True
        text_columns = self._text_columns
        for column, value in kept.items():
            if column in text_columns:
                is_flat = is_flat and type(value) is str
            elif type(value) is str:
                lines.append(f"{column}: {value}")
            else:
                lines += lines_of(column, value)
                is_flat = is_flat and not isinstance(value, dict | list)
        return lines, is_flat

    def _content(self, kept: Mapping[str, JsonValue], lines: list[str]) -> str:
        prose = [text for column in self.rules.text if (text := self._text(kept, column))]
        if lines:
            prose.append("\n".join(lines))
        return "\n\n".join(prose)

    def _is_short(self, kept: Mapping[str, JsonValue], content: str) -> bool:
        """Whether no text is too long for metadata, as seen without looking at each."""
        if len(content) > MAX_METADATA_CHARS:
            return False
        # The content has the text columns without the white space around them.
        texts = (kept.get(column, "") for column in self.rules.text)
        return all(len(text) <= MAX_METADATA_CHARS for text in texts)

    def _metadata(self, kept: dict[str, JsonValue], *, is_short: bool) -> dict[str, JsonValue]:
        metadata = kept if is_short else _shortened_values(kept)
        if self.rules.id and not is_blank(value := lookup(kept, self.rules.id)):
            metadata.setdefault(SOURCE_ID, value)
        return metadata

    def _native_id(self, kept: Mapping[str, JsonValue], place: Place) -> str:
        if self.rules.id_is_identity and self.rules.id:
            own = self._text(kept, self.rules.id)
            if own:
                filename = self.site.context.filename
                return ":".join(filter(None, (filename, self.site.member, own)))
        return f"{self._content_id}:{place}"

    @staticmethod
    def _text(kept: Mapping[str, JsonValue], column: str | None) -> str | None:
        """A column as one text, ``None`` if blank."""
        if column is None or (value := lookup(kept, column)) is None:
            return None
        if type(value) is str:
            return value.strip() or None
        if is_blank(value):
            return None
        if isinstance(value, dict | list):
            return "\n".join(lines_of("", value)) or None
        return scalar_text(value).strip()


def shortened(value: JsonValue) -> JsonValue:
    """The value itself if it is short enough for metadata, else its first 2,000 characters."""
    if isinstance(value, str):
        return value if len(value) <= MAX_METADATA_CHARS else value[:MAX_METADATA_CHARS]
    if isinstance(value, dict | list):
        written = orjson.dumps(value)
        if len(written) > MAX_METADATA_CHARS:
            return written.decode()[:MAX_METADATA_CHARS]
    return value


def _shortened_values(kept: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The values as metadata hold them, and the names of those that were cut."""
    metadata: dict[str, JsonValue] = {}
    truncated = []
    for column, value in kept.items():
        short = metadata[column] = shortened(value)
        if short is not value:
            truncated.append(column)
    if truncated:
        metadata[TRUNCATED] = truncated
    return metadata


def too_large(chars: int) -> str:
    """Why a record of so many characters is rejected."""
    return (
        f"the record has {chars:,} characters, more than the {MAX_CONTENT_CHARS:,} allowed; "
        "split it into several records"
    )
