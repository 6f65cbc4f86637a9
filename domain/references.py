"""References: places in a record's text that say what another record calls a thing.

A lookup field holds an id; people search for the name behind it, which stands in another record,
perhaps of a file that has not come yet. So a parser writes a reference: the thing's key, and what
to show until its name is known. Whoever knows the name publishes it in ``Record.names``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from domain.models.records import JsonValue, Record, Segment

MOMENT = "_moment"
"""Metadata key of a reference to when the record was, in ISO 8601.

It becomes the record's timestamp, unless that has one, and leaves the metadata.
"""
READERS = "_readers"
"""Metadata key of a reference to who may see the record, parted by blanks.

It becomes the record's visibility and leaves the metadata.
"""

_BEGIN, _MIDDLE, _END = "\ue000", "\ue001", "\ue002"
"""Private-use characters, which no text carries on purpose."""

_NO_KEYS: frozenset[str] = frozenset()
_MARKS = str.maketrans("", "", _BEGIN + _MIDDLE + _END)
_REFERENCE = re.compile(
    f"{_BEGIN}([^{_BEGIN}{_MIDDLE}{_END}]+){_MIDDLE}([^{_MIDDLE}{_END}]*){_END}"
)


def reference(key: str, fallback: str) -> str:
    """Text that stands for the name of ``key``, or for ``fallback`` while that is unknown."""
    return f"{_BEGIN}{without_marks(key)}{_MIDDLE}{without_marks(fallback)}{_END}"


def without_marks(text: str) -> str:
    """A source's own text, so that it cannot be taken for a reference."""
    return text.translate(_MARKS)


def references_of(record: Record) -> frozenset[str]:
    """The keys whose names the record wants: in its texts, its metadata, its segments' metadata."""
    # Asked of every record, of which most have none.
    texts = [text for text in _texts_of(record) if _BEGIN in text]
    return frozenset(key for text in texts for key in _keys(text)) if texts else _NO_KEYS


def resolved(record: Record, names: Mapping[str, str]) -> Record:
    """The record as people read it: every reference replaced by its name or its fallback.

    Segments keep covering what they covered. A reference lies within one segment.
    """
    if not references_of(record):
        return record
    content, segments = record.content, record.segments
    if _BEGIN in content:
        content, segments = _resolve_segments(record, names)
    metadata = _resolve_all(record.metadata, names)
    moment, readers = metadata.pop(MOMENT, None), metadata.pop(READERS, "")
    return replace(
        record,
        content=content,
        segments=tuple(
            replace(one, metadata=_resolve_all(one.metadata, names)) for one in segments
        ),
        title=_resolve(record.title, names) if record.title else record.title,
        author=_resolve(record.author, names) if record.author else record.author,
        url=_resolve(record.url, names) if record.url else record.url,
        timestamp=record.timestamp or _moment(moment),
        visibility=tuple(readers.split()) or record.visibility,
        metadata=metadata,
    )


def _texts_of(record: Record) -> Iterator[str]:
    yield record.content
    yield from (text for text in (record.title, record.author, record.url) if text)
    for metadata in (record.metadata, *(segment.metadata for segment in record.segments)):
        for value in metadata.values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))


def _keys(text: str) -> list[str]:
    return [match[1] for match in _REFERENCE.finditer(text)]


def _moment(text: JsonValue) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _resolve(text: str, names: Mapping[str, str]) -> str:
    if _BEGIN not in text:
        return text
    return _REFERENCE.sub(lambda match: names.get(match[1], match[2]), text)


def _resolve_all(
    metadata: Mapping[str, JsonValue], names: Mapping[str, str]
) -> dict[str, JsonValue]:
    """Texts and lists of texts with their references resolved."""
    return {key: _resolve_value(value, names) for key, value in metadata.items()}


def _resolve_value(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return _resolve(value, names)
    if isinstance(value, list):
        return [_resolve(item, names) if isinstance(item, str) else item for item in value]
    return value


def _resolve_segments(record: Record, names: Mapping[str, str]) -> tuple[str, tuple[Segment, ...]]:
    """Resolve piece by piece between the segments' borders, so that these can be moved along."""
    borders = sorted({0, len(record.content)}.union(*((s.start, s.end) for s in record.segments)))
    pieces = [record.content[a:b] for a, b in pairwise(borders)]
    moved, parts, length = {0: 0}, [], 0
    for border, piece in zip(borders[1:], pieces, strict=True):
        parts.append(_resolve(piece, names))
        length += len(parts[-1])
        moved[border] = length
    segments = (replace(s, start=moved[s.start], end=moved[s.end]) for s in record.segments)
    return "".join(parts), tuple(segments)
