"""What was asked: for whoever wants to know what people look for, and whether they find it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.models.chunks import Embedding


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One query. ``weight`` is how many queries it stands for, others having been left out.

    ``embedding`` is that of the text by ``model``, where it was at hand. ``asked_by`` is what
    whoever stands before the service says about the asker, if anything.
    """

    text: str
    embedding: Embedding | None
    sources: tuple[str, ...]
    result_count: int
    response_time_ms: int
    cached: bool
    asked_at: datetime
    model: str | None = None
    asked_by: str | None = None
    weight: int = 1


class HistoryView(StrEnum):
    """Which queries to show: those asked most often, those that took longest, those that found
    nothing.
    """

    TOP = "top"
    SLOW = "slow"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """All that was asked with one text, whatever its case. Times are milliseconds.

    ``times`` and ``cached`` count queries, those that entries stand for included. ``similarity``
    is the cosine to the text that similar ones were looked for.
    """

    text: str
    times: int
    cached: int
    median_ms: float
    slowest_ms: int
    mean_results: float
    last_asked_at: datetime
    similarity: float | None = None


class QueryHistory(Protocol):
    """Entries of queries, which whoever keeps house removes after a time."""

    async def append(self, entries: Sequence[HistoryEntry]) -> None:
        """Write many at once (COPY)."""
        ...

    async def view(self, view: HistoryView, *, since: datetime, limit: int) -> Sequence[AskedQuery]:
        """The first ``limit`` texts of a view, of what was asked from ``since`` on.

        ``SLOW`` looks at what no cache answered; ``EMPTY`` at texts that found nothing when they
        were asked last, most often asked first.
        """
        ...

    async def similar(
        self, embedding: Embedding, *, model: str, since: datetime, limit: int
    ) -> Sequence[AskedQuery]:
        """Texts whose vectors by ``model`` are nearest, nearest first."""
        ...

    async def forget(self, asked_by: str) -> int:
        """Remove all that somebody asked; returns how many entries that were."""
        ...

    async def prune(self, *, older_than_seconds: float, limit: int) -> int:
        """Remove at most ``limit`` of the oldest entries beyond an age; returns how many."""
        ...
