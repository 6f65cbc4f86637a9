"""Events over REST: the log, dead ones, and the live stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors.settings import EventSettings
from domain.models.ids import FileId
from tests.integration.api.conftest import Api, OpenApi

CSV = b"text\nthe renewal is delayed\n"


class Stream:
    """A client of the event stream, straight on the application: httpx waits for the end."""

    def __init__(self, api: Api, query: str = "", last_event_id: int | None = None) -> None:
        headers = [] if last_event_id is None else [(b"last-event-id", b"%d" % last_event_id)]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/events/stream",
            "raw_path": b"/v1/events/stream",
            "query_string": query.encode(),
            "headers": headers,
            "server": ("api", 80),
            "app": api.app,
        }
        self._api = api
        self._text = ""
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._gone = asyncio.Event()
        self.status = 0

    async def run(self) -> None:
        async def send(message: Any) -> None:
            await self._messages.put(message)

        await self._api.app(self._scope, self._receive, send)

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def disconnect(self) -> None:
        self._gone.set()

    async def block(self) -> dict[str, str] | None:
        """The fields of the next block (comments under an empty name); ``None`` at the end."""
        async with asyncio.timeout(20):
            while "\n\n" not in self._text:
                message = await self._messages.get()
                self.status = message.get("status", self.status)
                self._text += message.get("body", b"").decode()
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    return None
        block, _, self._text = self._text.partition("\n\n")
        pairs = (line.partition(":") for line in block.splitlines())
        return {name: value.strip() for name, _, value in pairs}

    async def event(self) -> dict[str, Any]:
        """The next event; comments are skipped."""
        while (block := await self.block()) is not None:
            if "data" in block:
                return {**block, "data": json.loads(block["data"])}
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def streaming(api: Api, **options: Any) -> AsyncIterator[Stream]:
    """An opened stream, of which the greeting was read."""
    stream = Stream(api, **options)
    running = asyncio.create_task(stream.run())
    try:
        await stream.block()
        yield stream
    finally:
        stream.disconnect()
        async with asyncio.timeout(20):
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def events(api: Api, **parameters: Any) -> dict[str, Any]:
    answer = await api.client.get("/v1/events", params=parameters)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def a_dead_event(api: Api) -> int:
    await api.upload("tickets.csv", CSV)
    (entry,) = await api.services.metadata.events.claim(limit=1, lease_seconds=60)
    await api.services.metadata.events.failed(entry.entry_id, error="no", retry_in_seconds=None)
    return entry.entry_id


async def test_an_event_is_shown_with_its_exact_payload(api: Api) -> None:
    file_id = await api.upload("tickets.csv", CSV, source_type="csv")
    (event,) = (await events(api))["events"]
    payload = {"file_id": file_id, "filename": "tickets.csv", "source_type": "csv"}
    assert (event["name"], event["payload"]) == ("file_uploaded", payload)
    assert (event["state"], event["file_id"]) == ("pending", file_id)


async def test_the_log_is_paged_by_id(api: Api) -> None:
    files = [await api.upload(f"{n}.csv", CSV) for n in range(3)]
    first = await events(api, after=0, limit=2)
    rest = await events(api, after=first["next_after"], limit=2)
    end = await events(api, after=rest["next_after"])
    shown = [event["file_id"] for page in (first, rest, end) for event in page["events"]]
    assert (shown, end["next_after"]) == (files, rest["next_after"])


async def test_a_dead_event_is_in_the_list_the_file_and_the_status(api: Api) -> None:
    event_id = await a_dead_event(api)
    (dead,) = (await events(api, dead=True))["events"]
    file = await api.file(dead["file_id"])
    status = (await api.client.get("/v1/status")).json()
    assert (dead["id"], dead["state"], dead["error"]) == (event_id, "dead", "no")
    assert [event["id"] for event in file["dead_events"]] == [event_id]
    assert status["events"]["dead"] == 1


async def test_a_dead_event_is_replayed_once(api: Api) -> None:
    event_id = await a_dead_event(api)
    answers = [await api.client.post(f"/v1/events/{event_id}/replay") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 409]
    assert answers[0].json()["state"] == "pending"


async def test_an_unknown_event_is_not_found(api: Api) -> None:
    assert (await api.client.post("/v1/events/7/replay")).status_code == 404


async def test_a_stream_brings_what_comes_after_it_was_opened(api: Api) -> None:
    await api.upload("before.csv", CSV)
    async with streaming(api) as stream:
        file_id = await api.upload("after.csv", CSV)
        event = await stream.event()
    assert (event["event"], event["data"]["file_id"]) == ("file_uploaded", file_id)
    assert event["id"] == str(event["data"]["id"])


async def test_a_stream_goes_on_after_the_last_id_that_was_seen(api: Api) -> None:
    files = [await api.upload(f"{n}.csv", CSV) for n in range(3)]
    first = (await events(api, after=0, limit=1))["next_after"]
    async with streaming(api, last_event_id=first, query="after=0") as stream:
        seen = [(await stream.event())["data"]["file_id"] for _ in range(2)]
    assert seen == files[1:]


async def test_a_stream_of_one_file_leaves_the_others_out(api: Api) -> None:
    await api.upload("other.csv", CSV)
    wanted = await api.upload("wanted.csv", CSV)
    async with streaming(api, query=f"after=0&file={wanted}") as stream:
        event = await stream.event()
    assert event["data"]["file_id"] == wanted


async def test_streams_end_when_the_service_stops(api: Api) -> None:
    async with streaming(api) as stream:
        api.app.state.context.feed.stop()
        assert await stream.block() is None


async def test_a_stream_too_many_is_refused_and_others_are_served(open_api: OpenApi) -> None:
    async with open_api(events=EventSettings(max_streams=1)) as api, streaming(api):
        refused = await api.client.get("/v1/events/stream")
        listed = await api.client.get("/v1/events")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert listed.status_code == 200


async def test_a_client_that_goes_away_makes_room_for_another(open_api: OpenApi) -> None:
    async with open_api(events=EventSettings(max_streams=1)) as api:
        async with streaming(api):
            pass
        async with streaming(api) as second:
            assert second.status == 200


@pytest.mark.parametrize("header", ["x", "-1"])
async def test_a_last_id_that_is_none_is_refused(api: Api, header: str) -> None:
    answer = await api.client.get("/v1/events/stream", headers={"last-event-id": header})
    assert answer.status_code == 422


async def test_uploads_are_refused_at_the_limit_and_taken_when_there_is_room(
    open_api: OpenApi,
) -> None:
    async with open_api(queue_limit=1) as api:
        file_id = await api.upload("first.csv", CSV)
        refused = await api.client.put("/v1/files/second.csv", content=CSV)
        await api.services.metadata.files.transition(FileId(file_id), "failed")
        taken = await api.client.put("/v1/files/second.csv", content=CSV)
    assert (refused.status_code, taken.status_code) == (429, 202)
    assert int(refused.headers["retry-after"]) > 0


async def test_the_last_tenth_of_the_queue_is_kept_for_interactive_files(
    open_api: OpenApi,
) -> None:
    async with open_api(queue_limit=10) as api:
        for number in range(9):
            await api.upload(f"{number}.csv", CSV, priority="bulk")
        bulk = await api.client.put("/v1/files/bulk.csv", content=CSV, params={"priority": "bulk"})
        urgent = await api.client.put("/v1/files/urgent.csv", content=CSV)
    assert (bulk.status_code, urgent.status_code) == (429, 202)


async def test_the_priority_of_an_upload_is_kept_and_shown(api: Api) -> None:
    file = await api.file(await api.upload("tickets.csv", CSV, priority="bulk"))
    assert (file["priority"], file["options"]["priority"]) == ("bulk", "bulk")


async def test_the_status_and_the_metrics_show_the_queue(api: Api) -> None:
    await api.upload("tickets.csv", CSV)
    status = (await api.client.get("/v1/status")).json()
    lines = (await api.client.get("/metrics")).text.splitlines()
    assert (status["queue"]["limit"], status["queue"]["in_flight"]) == (100, 0)
    assert status["queue"]["oldest_seconds"] >= 0
    assert {"headrace_queue_depth 1.0", "headrace_events_pending 1.0"} <= set(lines)
    assert {"headrace_files_in_flight 0.0", "headrace_events_dead 0.0"} <= set(lines)
