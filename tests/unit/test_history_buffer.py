"""The history of queries, off their path."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from domain.errors import StoreUnavailableError
from domain.ports.query_history import HistoryEntry
from pipelines.history import HistoryBuffer


def entry(text: str) -> HistoryEntry:
    return HistoryEntry(
        text=text,
        embedding=None,
        sources=(),
        result_count=0,
        response_time_ms=1,
        cached=False,
        asked_at=datetime(2026, 3, 31, tzinfo=UTC),
    )


class ListHistory:
    """A history that keeps its entries in a list, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.texts: list[str] = []
        self.weights: list[int] = []
        self._failures = failures

    async def append(self, entries: Sequence[HistoryEntry]) -> None:
        if self._failures:
            self._failures -= 1
            raise StoreUnavailableError("no answer")
        self.texts += [item.text for item in entries]
        self.weights += [item.weight for item in entries]


async def test_entries_are_written_in_order() -> None:
    history = ListHistory()
    buffer = HistoryBuffer(history)
    for text in "abc":
        buffer.add(entry(text))
    await buffer.flush()
    assert history.texts == ["a", "b", "c"]


async def test_closing_writes_what_is_left() -> None:
    history = ListHistory()
    buffer = HistoryBuffer(history, interval_seconds=3600)
    async with buffer.running():
        buffer.add(entry("a"))
    assert history.texts == ["a"]


async def test_a_store_that_fails_costs_no_entry() -> None:
    history = ListHistory(failures=1)
    buffer = HistoryBuffer(history)
    buffer.add(entry("a"))
    with pytest.raises(StoreUnavailableError):
        await buffer.flush()
    buffer.add(entry("b"))
    await buffer.flush()
    assert history.texts == ["a", "b"]


async def test_a_full_buffer_drops_the_oldest_and_counts_it() -> None:
    history = ListHistory()
    buffer = HistoryBuffer(history, capacity=2)
    for number in range(1 + 4 + 16):
        buffer.add(entry(str(number)))
    await buffer.flush()
    assert (history.weights, buffer.dropped) == ([4, 16], 1)


async def test_the_fuller_the_buffer_the_fewer_entries_stand_for_the_more() -> None:
    history = ListHistory()
    buffer = HistoryBuffer(history, capacity=8)
    for number in range(4 + 2 * 4 + 16):
        buffer.add(entry(str(number)))

    await buffer.flush()

    assert history.weights == [1, 1, 1, 1, 4, 4, 16]
    assert buffer.dropped == 0
