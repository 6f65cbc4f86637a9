"""Making a record of columns and values, whatever system they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class RecordBuilder:
    """Builds the records of one stream under the same rules.

    The content is the text columns, then a ``column: value`` line for every other column that
    is not blank, so that nothing of the record is unfindable. The metadata hold every such
    column; a value of more than 2,000 characters is cut there, as the content has it in full,
    and ``_truncated`` names its column. A record of more than a million characters is rejected,
    one without any value is dropped. Values hold no NUL and no lone surrogates.
    """

    rules: ColumnRules
    site: Site

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
        content = self._content(kept)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        context, rules = self.site.context, self.rules
        return Record(
            source_type=context.source_type,
            native_id=self._native_id(kept, place),
            content_type=ContentType.RECORD,
            content=content,
            place=place,
            title=self._text(kept, rules.title),
            author=self._text(kept, rules.author),
            timestamp=parse_timestamp(lookup(kept, rules.timestamp)) if rules.timestamp else None,
            url=self._text(kept, rules.url),
            metadata=self._metadata(kept) | extra,
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

    def _content(self, kept: Mapping[str, JsonValue]) -> str:
        prose = [text for column in self.rules.text if (text := self._text(kept, column))]
        lines = [
            line
            for column, value in kept.items()
            if column not in self.rules.text
            for line in (
                (f"{column}: {value}",) if isinstance(value, str) else lines_of(column, value)
            )
        ]
        content = "\n\n".join(prose)
        if lines:
            content = f"{content}\n\n" + "\n".join(lines) if content else "\n".join(lines)
        return content

    def _metadata(self, kept: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        metadata: dict[str, JsonValue] = {}
        truncated = []
        for column, value in kept.items():
            if type(value) is str and len(value) <= MAX_METADATA_CHARS:
                metadata[column] = value
                continue
            short = metadata[column] = shortened(value)
            if short is not value:
                truncated.append(column)
        if truncated:
            metadata[TRUNCATED] = truncated
        if self.rules.id and not is_blank(value := lookup(kept, self.rules.id)):
            metadata.setdefault(SOURCE_ID, value)
        return metadata

    def _native_id(self, kept: Mapping[str, JsonValue], place: Place) -> str:
        context = self.site.context
        if self.rules.id_is_identity and self.rules.id:
            own = self._text(kept, self.rules.id)
            if own:
                return ":".join(filter(None, (context.filename, self.site.member, own)))
        return f"{context.sha256[:32]}:{place}"

    @staticmethod
    def _text(kept: Mapping[str, JsonValue], column: str | None) -> str | None:
        """A column as one text, ``None`` if blank."""
        if column is None or is_blank(value := lookup(kept, column)):
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


def too_large(chars: int) -> str:
    """Why a record of so many characters is rejected."""
    return (
        f"the record has {chars:,} characters, more than the {MAX_CONTENT_CHARS:,} allowed; "
        "split it into several records"
    )
