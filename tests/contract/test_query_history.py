"""Contract of the history of queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from domain.ports.metadata_store import MetadataStore
from domain.ports.query_history import HistoryEntry, HistoryView

NOW = datetime(2030, 3, 1, tzinfo=UTC)
SINCE = NOW - timedelta(days=7)


def entry(text: str, **parts: Any) -> HistoryEntry:
    given = {
        "embedding": None,
        "sources": (),
        "result_count": 3,
        "response_time_ms": 10,
        "cached": False,
        "asked_at": NOW,
    }
    return HistoryEntry(text=text, **{**given, **parts})


async def texts(store: MetadataStore, view: HistoryView, limit: int = 10) -> list[str]:
    return [asked.text for asked in await store.history.view(view, since=SINCE, limit=limit)]


async def test_texts_are_counted_whatever_their_case(metadata_store: MetadataStore) -> None:
    await metadata_store.history.append(
        [
            entry("Pump", response_time_ms=10),
            entry("pump", response_time_ms=30, cached=True, weight=4, result_count=8),
            entry("valve"),
        ]
    )

    pump, valve = await metadata_store.history.view(HistoryView.TOP, since=SINCE, limit=10)

    assert (pump.text.lower(), pump.times, pump.cached) == ("pump", 5, 4)
    assert (pump.median_ms, pump.slowest_ms, pump.mean_results) == (20.0, 30, 5.5)
    assert (valve.text, valve.times, valve.cached) == ("valve", 1, 0)
    assert pump.last_asked_at == NOW


async def test_what_was_asked_before_the_time_is_left_out(metadata_store: MetadataStore) -> None:
    old = entry("old", asked_at=SINCE - timedelta(seconds=1))
    await metadata_store.history.append([old, entry("new", asked_at=SINCE)])
    assert await texts(metadata_store, HistoryView.TOP) == ["new"]


async def test_the_slowest_come_first_and_what_a_cache_answered_does_not_count(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.history.append(
        [
            entry("fast", response_time_ms=5),
            entry("slow", response_time_ms=900),
            entry("kept", response_time_ms=2_000, cached=True),
        ]
    )
    assert await texts(metadata_store, HistoryView.SLOW) == ["slow", "fast"]


async def test_what_finds_something_by_now_is_not_among_the_empty(
    metadata_store: MetadataStore,
) -> None:
    earlier = NOW - timedelta(hours=1)
    await metadata_store.history.append(
        [
            entry("found by now", result_count=0, asked_at=earlier),
            entry("found by now", result_count=2),
            entry("gone by now", result_count=2, asked_at=earlier),
            entry("gone by now", result_count=0),
            entry("never", result_count=0, weight=9),
        ]
    )
    assert await texts(metadata_store, HistoryView.EMPTY) == ["never", "gone by now"]


async def test_no_more_are_shown_than_asked_for(metadata_store: MetadataStore) -> None:
    await metadata_store.history.append([entry(str(number)) for number in range(5)])
    assert len(await texts(metadata_store, HistoryView.TOP, limit=2)) == 2


async def test_similar_ones_are_by_the_same_model_and_nearest_first(
    metadata_store: MetadataStore,
) -> None:
    near, nearer = np.array([0.6, 0.8], np.float32), np.array([1.0, 0.0], np.float32)
    await metadata_store.history.append(
        [
            entry("near", embedding=near, model="m"),
            entry("nearer", embedding=nearer, model="m"),
            entry("of another model", embedding=nearer, model="n"),
            entry("of another length", embedding=np.ones(3, np.float32), model="m"),
            entry("without"),
        ]
    )

    found = await metadata_store.history.similar(nearer, model="m", since=SINCE, limit=10)

    assert [asked.text for asked in found] == ["nearer", "near"]
    np.testing.assert_allclose([asked.similarity for asked in found], [1.0, 0.6], atol=1e-6)


async def test_what_somebody_asked_is_forgotten_and_nothing_else(
    metadata_store: MetadataStore,
) -> None:
    await metadata_store.history.append(
        [entry("a", asked_by="ann"), entry("b", asked_by="ann"), entry("c", asked_by="bob")]
    )
    assert await metadata_store.history.forget("ann") == 2
    assert await texts(metadata_store, HistoryView.TOP) == ["c"]


async def test_the_oldest_go_first_when_their_time_is_over(metadata_store: MetadataStore) -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    moments = [long_ago + timedelta(days=number) for number in range(3)]
    await metadata_store.history.append([entry(str(at), asked_at=at) for at in moments])

    pruned = await metadata_store.history.prune(older_than_seconds=3600, limit=2)

    left = await metadata_store.history.view(HistoryView.TOP, since=long_ago, limit=10)
    assert pruned == 2
    assert [asked.text for asked in left] == [str(moments[-1])]


async def test_generations_of_a_database_have_one_lineage(metadata_store: MetadataStore) -> None:
    before = await metadata_store.events.lineage()
    await metadata_store.events.bump_generation()
    assert await metadata_store.events.lineage() == before
