"""References: places in a record's text that say what another record calls a thing.

A lookup field holds an id; people search for the name behind it, which stands in another record,
perhaps of a file that has not come yet. So a parser writes a reference: the thing's key, and what
to show until its name is known. Whoever knows the name publishes it in ``Record.names``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from domain.models.records import JsonValue, Record, Segment

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
    """The keys whose names the record's title, author, content and metadata want."""
    values = (record.content, record.title, record.author, *record.metadata.values())
    # Asked of every record, of which most have none.
    texts = [value for value in values if isinstance(value, str) and _BEGIN in value]
    return frozenset(key for text in texts for key in _keys(text)) if texts else _NO_KEYS


def resolved(record: Record, names: Mapping[str, str]) -> Record:
    """The record as people read it: every reference replaced by its name or its fallback.

    Segments keep covering what they covered. A reference lies within one segment.
    """
    content = record.content
    segments = record.segments
    if _BEGIN in content:
        content, segments = _resolve_segments(record, names)
    metadata: dict[str, JsonValue] = {
        key: _resolve(value, names) if isinstance(value, str) else value
        for key, value in record.metadata.items()
    }
    return replace(
        record,
        content=content,
        segments=segments,
        title=_resolve(record.title, names) if record.title else record.title,
        author=_resolve(record.author, names) if record.author else record.author,
        metadata=metadata,
    )


def _keys(text: str) -> list[str]:
    return [match[1] for match in _REFERENCE.finditer(text)]


def _resolve(text: str, names: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: names.get(match[1], match[2]), text)


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
