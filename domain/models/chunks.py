"""Chunks: the slices of a record that are embedded and found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.models.ids import ChunkId, FileId
from domain.models.records import Record

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


def labels_of(record: Record) -> list[str]:
    """The record's metadata as labels: every short scalar, and each item of short lists."""
    labels: list[str] = []
    for key, value in record.metadata.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | int | float) and len(str(item)) <= MAX_LABEL_VALUE_CHARS:
                labels.append(label(key, item))
    return labels
