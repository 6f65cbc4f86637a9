"""Chunks: the slices of a record that are embedded and found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.models.ids import ChunkId, FileId, RecordId
from domain.models.records import JsonValue, Record
from domain.words import indexed_words

Embedding = NDArray[np.float32]
"""float32 of shape ``(dimension,)``, L2-normalised."""

Vector = NDArray[np.floating[Any]]
"""As ``Embedding``, perhaps of fewer bits."""


@dataclass(frozen=True, slots=True)
class Member:
    """A record's ``content[start:end]`` in a passage, whose text has it from ``at`` on."""

    record_id: RecordId
    start: int
    end: int
    at: int

    def text_in(self, passage: str) -> str:
        return passage[self.at : self.at + self.end - self.start]


@dataclass(frozen=True, slots=True)
class Chunk:
    """``text`` is ``record.content[start:end]``; ``position`` counts from 0 in the record.

    ``metadata`` is what the record's segments say that the chunk lies in. A passage is a chunk
    with ``members``, the records that share it; its ``record`` is the first of them with the
    passage's text, and its position counts in their group.
    """

    chunk_id: ChunkId
    record: Record
    position: int
    text: str
    start: int
    end: int
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    members: tuple[Member, ...] = ()

    @property
    def all_metadata(self) -> Mapping[str, JsonValue]:
        """Its own metadata first, then the record's; of two entries of one name its own."""
        if not self.metadata:
            return self.record.metadata
        return {**self.metadata, **self.record.metadata, **self.metadata}

    @property
    def embedding_text(self) -> str:
        """What the model reads: the title, where there is one, then the text."""
        return f"{self.record.title}\n{self.text}" if self.record.title else self.text

    @property
    def search_text(self) -> str:
        return search_text_of(self.record.title, self.text)


HEADING_END = " · "
"""In a passage's title: between what its records have for one, and people and days."""


def heading_of(title: str | None) -> str | None:
    """The title; of a passage what its records have for one, such as the channel."""
    return title.partition(HEADING_END)[0] or None if title else None


def search_text_of(title: str | None, text: str) -> str:
    """What the keyword leg reads: a word of the title counts twice."""
    return indexed_words(f"{title}\n{text}\n{title}" if title else text)


@dataclass(frozen=True, slots=True)
class EmbeddedChunk:
    """A chunk with its vector and the file that supplied its record."""

    chunk: Chunk
    file_id: FileId
    embedding: Embedding


def label(key: str, value: Any) -> str:
    """How a metadata entry is written for equality filters: ``key=value``."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{key}={text}"


MAX_LABEL_VALUE_CHARS = 100
MAX_LABELS = 200
AUTHOR = "author"
MAX_HIT_METADATA_BYTES = 4096
LEFT_OUT = "_left_out"


def labels_of(chunk: Chunk) -> list[str]:
    """The chunk's metadata as labels: every short scalar, and each item of short lists.

    The first 200 of them: each chunk carries its record's, and a wide table has thousands. The
    record's author is the first, unless the metadata name authors themselves.
    """
    labels: list[str] = []
    for key, value in entries_of(chunk.all_metadata, chunk.record.author).items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | int | float) and len(str(item)) <= MAX_LABEL_VALUE_CHARS:
                labels.append(label(key, item))
    return labels[:MAX_LABELS]


def entries_of(metadata: Mapping[str, JsonValue], author: str | None) -> Mapping[str, JsonValue]:
    """What filters look at: the metadata, and ``author`` where these do not name one."""
    return metadata if not author or AUTHOR in metadata else {AUTHOR: author, **metadata}


def hit_metadata(chunk: Chunk) -> dict[str, JsonValue]:
    """What a hit shows of the chunk's metadata: its first entries, up to 4 KiB of JSON.

    ``_left_out`` counts the rest; the record has them all.
    """
    kept: dict[str, JsonValue] = {}
    room = MAX_HIT_METADATA_BYTES
    metadata = chunk.all_metadata
    for key, value in metadata.items():
        room -= len(key) + len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str))
        if room < 0:
            return {**kept, LEFT_OUT: len(metadata) - len(kept)}
        kept[key] = value
    return kept


def combined(parts: Iterable[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """One metadata of several, in order: what differs becomes a list of the distinct values.

    Of entries named ``start…`` the first counts, of those named ``end…`` the last.
    """
    found: dict[str, list[JsonValue]] = {}
    for part in parts:
        for key, value in part.items():
            found.setdefault(key, []).append(value)
    return {key: _combined(key, values) for key, values in found.items()}


def _combined(key: str, values: list[JsonValue]) -> JsonValue:
    kind = key.partition("_")[0]
    if kind == "start" or all(value == values[0] for value in values):
        return values[0]
    return values[-1] if kind == "end" else _distinct(values)


def _distinct(values: Iterable[JsonValue]) -> list[JsonValue]:
    """The values and the items of those that are lists, each once, in order."""
    distinct: list[JsonValue] = []
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if item not in distinct:
                distinct.append(item)
    return distinct
