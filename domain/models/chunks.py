"""Chunks: the slices of a record that are embedded and found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.models.ids import ChunkId, FileId
from domain.models.records import JsonValue, Record

Embedding = NDArray[np.float32]
"""float32 of shape ``(dimension,)``, L2-normalised."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """``text`` is ``record.content[start:end]``; ``position`` counts from 0 in the record."""

    chunk_id: ChunkId
    record: Record
    position: int
    text: str
    start: int
    end: int

    @property
    def embedding_text(self) -> str:
        """What the model reads: the title, where there is one, then the text."""
        return f"{self.record.title}\n{self.text}" if self.record.title else self.text


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
MAX_HIT_METADATA_BYTES = 4096
LEFT_OUT = "_left_out"


def labels_of(record: Record) -> list[str]:
    """The record's metadata as labels: every short scalar, and each item of short lists.

    The first 200 of them: each chunk carries them all, and a wide table has thousands.
    """
    labels: list[str] = []
    for key, value in record.metadata.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | int | float) and len(str(item)) <= MAX_LABEL_VALUE_CHARS:
                labels.append(label(key, item))
    return labels[:MAX_LABELS]


def hit_metadata(record: Record) -> dict[str, JsonValue]:
    """What a hit shows of the record's metadata: its first entries, up to 4 KiB of JSON.

    Each chunk carries a copy. ``_left_out`` counts the rest; the record has them all.
    """
    kept: dict[str, JsonValue] = {}
    room = MAX_HIT_METADATA_BYTES
    for key, value in record.metadata.items():
        room -= len(key) + len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str))
        if room < 0:
            return {**kept, LEFT_OUT: len(record.metadata) - len(kept)}
        kept[key] = value
    return kept
