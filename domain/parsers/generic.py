"""Making a record of columns and values, whatever system they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from domain.models.records import (
    ContentType,
    DroppedItem,
    JsonValue,
    ParsedItem,
    Place,
    Record,
    RejectedItem,
    make_record,
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
_SCALARS = frozenset((int, float, bool))


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
        self._content_id = site.context.sha256[:32]
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
            # Most values are texts or not falsy; asking these here saves a call for each.
            if (
                value and not value.isspace()
                if type(value) is str
                else value or not is_blank(value)
            )
        }
        return self._built(kept, place, extra)

    def build_row(self, columns: Sequence[str], cells: Sequence[str], place: Place) -> ParsedItem:
        """The record of a row of texts that has no more cells than there are columns."""
        kept: dict[str, JsonValue] = {
            column: cell
            for column, cell in zip(columns, cells, strict=False)
            if cell and not cell.isspace()
        }
        return self._built(kept, place, _NO_EXTRA)

    def _built(
        self, kept: dict[str, JsonValue], place: Place, extra: Mapping[str, JsonValue]
    ) -> ParsedItem:
        """The record of values that are not blank, which become its metadata."""
        if not kept:
            return DroppedItem(BLANK_ROW, place)
        content, is_short = self._content(kept)
        if len(content) > MAX_CONTENT_CHARS:
            return RejectedItem(too_large(len(content)), place)
        rules = self.rules
        moment = lookup(kept, rules.timestamp) if rules.timestamp else None
        return make_record(
            self.site.context.source_type,
            self._native_id(kept, place),
            ContentType.RECORD,
            content,
            place,
            title=self._text(kept, rules.title) if rules.title else None,
            author=self._text(kept, rules.author) if rules.author else None,
            timestamp=parse_timestamp(moment) if moment is not None else None,
            url=self._text(kept, rules.url) if rules.url else None,
            # Last, for it takes the values over.
            metadata=self._metadata(kept, extra, is_short=is_short),
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

    def _content(self, kept: Mapping[str, JsonValue]) -> tuple[str, bool]:
        """The content, and whether it shows that every value is short enough for metadata."""
        lines: list[str] = []
        is_flat = True
        text_columns = self._text_columns
        for column, value in kept.items():
            kind = type(value)
            if column in text_columns:
                # The content leaves out the white space around it, so its length says nothing.
                is_flat = is_flat and kind is str and len(value) <= MAX_METADATA_CHARS
            elif kind is str:
                lines.append(f"{column}: {value}")
            elif column and kind in _SCALARS:
                lines.append(f"{column}: {scalar_text(value)}")
            else:
                lines += lines_of(column, value)
                is_flat = False
        prose = [text for column in self.rules.text if (text := self._text(kept, column))]
        if lines:
            prose.append("\n".join(lines))
        content = "\n\n".join(prose)
        return content, is_flat and len(content) <= MAX_METADATA_CHARS

    def _metadata(
        self, kept: dict[str, JsonValue], extra: Mapping[str, JsonValue], *, is_short: bool
    ) -> dict[str, JsonValue]:
        own_id = lookup(kept, self.rules.id) if self.rules.id else None
        metadata = kept if is_short else _shortened_values(kept)
        if not is_blank(own_id):
            metadata.setdefault(SOURCE_ID, own_id)
        if extra:
            metadata.update(extra)
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
