"""Bounded queues."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import OverloadedError
from serve_app.admission import Lane, is_upload


async def held(lane: Lane, release: asyncio.Event) -> None:
    async with lane.turn():
        await release.wait()


async def start(lane: Lane, release: asyncio.Event, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(held(lane, release)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_full_lane_refuses_and_says_when_to_come_back() -> None:
    release = asyncio.Event()
    lane = Lane(ongoing=1, queued=1)
    tasks = await start(lane, release, 2)
    with pytest.raises(OverloadedError) as caught:
        await lane.turn().__aenter__()
    assert caught.value.details["retry_after_seconds"] == 1.0
    release.set()
    await asyncio.gather(*tasks)


async def test_a_waiting_request_is_served_when_its_turn_comes() -> None:
    release = asyncio.Event()
    lane = Lane(ongoing=1, queued=5)
    tasks = await start(lane, release, 6)
    release.set()
    await asyncio.gather(*tasks)


async def test_a_waiting_request_that_goes_away_frees_its_place() -> None:
    release = asyncio.Event()
    lane = Lane(ongoing=1, queued=1)
    working, waiting = await start(lane, release, 2)
    waiting.cancel()
    await asyncio.wait([waiting])
    [another] = await start(lane, release, 1)
    release.set()
    await asyncio.gather(working, another)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("PUT", "/v1/files/a.csv", True),
        ("POST", "/v1/files", True),
        ("GET", "/v1/files", False),
        ("POST", "/v1/files/6f/replay", False),
        ("POST", "/v1/query", False),
    ],
)
def test_only_requests_that_bring_a_file_are_uploads(
    method: str, path: str, expected: bool
) -> None:
    assert is_upload({"type": "http", "method": method, "path": path}) is expected
