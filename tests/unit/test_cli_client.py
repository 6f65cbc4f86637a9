"""The HTTP client: patience, streams, and what breaks off."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.models.files import ImportOptions
from serve_app.client import (
    HeadraceClient,
    ServiceRefused,
    ServiceUnreachable,
    Upload,
    UploadAborted,
)
from serve_app.commands.direct_sending import DirectSender
from serve_app.commands.importing import Entry, Follower, Outage, upload_all

URL = "http://127.0.0.1:8000"


def upload_of(path: Path, filename: str = "a.csv") -> Upload:
    path.write_bytes(b"text\nhello\n")
    return Upload(path, filename, 11)


def test_a_busy_service_is_waited_for_as_long_as_it_asks(tmp_path: Path) -> None:
    answers = [
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.Response(202, json={"id": "1", "status": "pending"}),
    ]
    bodies: list[bytes] = []
    waits: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return answers.pop(0)

    client = HeadraceClient(URL, transport=httpx.MockTransport(answer), sleep=waits.append)
    accepted = client.upload(upload_of(tmp_path / "a.csv"), ImportOptions())

    assert (accepted["id"], waits) == ("1", [7.0])
    assert bodies == [b"text\nhello\n"] * 2


@pytest.mark.parametrize("status", [404, 502, 504])
def test_a_proxy_that_has_not_found_the_service_yet_is_waited_for(status: int) -> None:
    answers = [
        httpx.Response(status, text="Path not found"),
        httpx.Response(200, json={"id": "1", "status": "completed"}),
    ]
    client = HeadraceClient(
        URL, transport=httpx.MockTransport(lambda _: answers.pop(0)), sleep=lambda _: None
    )

    assert client.file("1")["status"] == "completed"


def test_what_the_service_does_not_know_is_said_at_once() -> None:
    problem = httpx.Response(
        404,
        json={"detail": "no file 1"},
        headers={"content-type": "application/problem+json"},
    )
    waits: list[float] = []
    client = HeadraceClient(
        URL, transport=httpx.MockTransport(lambda _: problem), sleep=waits.append
    )

    with pytest.raises(ServiceRefused, match="no file 1"):
        client.file("1")

    assert waits == []


def test_a_full_queue_is_waited_out_however_long_it_takes(tmp_path: Path) -> None:
    answers = [httpx.Response(429, headers={"retry-after": "30"}) for _ in range(500)]
    answers.append(httpx.Response(202, json={"id": "1", "status": "pending"}))
    waits: list[float] = []
    reasons: list[str] = []
    sent: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        return answers.pop(0)

    client = HeadraceClient(URL, transport=httpx.MockTransport(answer), sleep=waits.append)
    upload = upload_of(tmp_path / "a.csv")
    client.upload(upload, ImportOptions(), on_busy=reasons.append, on_bytes=sent.append)

    assert sum(waits) == 15_000
    assert len(reasons) == 500
    assert sum(sent) == upload.size_bytes


class SmallQueue:
    """A service that has room for a few files and imports some whenever it refuses one."""

    ROOM = 20

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refused = self.deepest = self._depth = 0
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            if self._depth >= self.ROOM:
                self.refused += 1
                self._depth -= 7
                return httpx.Response(429, headers={"retry-after": "5"})
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)
            self.taken.append(request.url.path)
            return httpx.Response(202, json={"id": request.url.path, "status": "pending"})


class Notes:
    """Progress that only counts."""

    def __init__(self) -> None:
        self.waits = self.files = 0
        self.unseen_reasons: list[str] = []

    def bytes_sent(self, count: int) -> None: ...

    def waiting(self, reason: str) -> None:
        self.waits += 1

    def uploaded(self, upload: Upload) -> None:
        self.files += 1

    def seen(self, filename: str, file: Mapping[str, Any], *, rests: bool) -> None: ...

    def unseen(self, filename: str, reason: str) -> None:
        self.unseen_reasons.append(reason)


def test_a_folder_far_larger_than_the_queue_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text\nhello\n")
    uploads = [Upload(tmp_path / "a.csv", f"{number}.csv", 11) for number in range(500)]
    queue, notes = SmallQueue(), Notes()
    client = HeadraceClient(URL, transport=httpx.MockTransport(queue), sleep=lambda _: None)

    entries = upload_all(client, uploads, ImportOptions(), notes, DirectSender(client, print))

    assert {entry.status for entry in entries} == {"pending"}
    assert len(set(queue.taken)) == len(queue.taken) == notes.files == 500
    assert (queue.deepest, notes.waits) == (queue.ROOM, queue.refused)


def test_an_interrupted_import_waits_no_longer(tmp_path: Path) -> None:
    full = httpx.MockTransport(lambda _: httpx.Response(429, headers={"retry-after": "30"}))
    client = HeadraceClient(URL, transport=full)

    with pytest.raises(UploadAborted):
        client.upload(
            upload_of(tmp_path / "a.csv"), ImportOptions(), on_busy=lambda _: client.abort()
        )


def sse(*events: dict[str, object]) -> httpx.Response:
    blocks = [f"id: {e['id']}\nevent: x\ndata: {json.dumps(e)}\n\n" for e in events]
    return httpx.Response(200, text=": following\nretry: 2000\n\n" + "".join(blocks))


def test_events_are_followed_over_lost_connections(tmp_path: Path) -> None:
    begins: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        begins.append(request.headers["last-event-id"])
        match len(begins):
            case 1:
                return sse({"id": 5}, {"id": 6})
            case 2:
                raise httpx.ConnectError("refused", request=request)
            case 3:
                return httpx.Response(503, json={"detail": "restarting"})
        return sse({"id": 7})

    client = HeadraceClient(URL, transport=httpx.MockTransport(answer), sleep=lambda _: None)
    following = client.follow_events(after=4)

    assert [next(following)["id"] for _ in range(3)] == [5, 6, 7]
    assert begins == ["4", "6", "6", "6"]


def test_patience_ends() -> None:
    waits: list[float] = []
    always_busy = httpx.MockTransport(lambda _: httpx.Response(503, headers={"retry-after": "9"}))
    client = HeadraceClient(URL, transport=always_busy, sleep=waits.append)

    with pytest.raises(ServiceRefused):
        client.verify()

    assert waits == [9.0, 9.0, 9.0]


def test_a_name_that_no_url_can_hold_is_escaped(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(202, json={"id": "1", "status": "pending"})

    client = HeadraceClient(URL, transport=httpx.MockTransport(answer))
    client.upload(upload_of(tmp_path / "a.csv", "né w/50%?#.csv"), ImportOptions())

    assert seen == [b"/v1/files/n%C3%A9%20w/50%25%3F%23.csv"]


def test_an_answer_that_is_no_problem_document_is_still_explained() -> None:
    client = HeadraceClient(
        URL, transport=httpx.MockTransport(lambda _: httpx.Response(500, text="<html>"))
    )
    with pytest.raises(ServiceRefused, match="the service answered 500 internal server error"):
        client.verify()


def test_an_outage_is_bridged_once_the_service_was_there() -> None:
    results = ["there", ServiceUnreachable("gone"), "back"]
    waits: list[float] = []
    outage = Outage(sleep=waits.append)

    def call() -> str:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    assert [outage.bridge(call), outage.bridge(call)] == ["there", "back"]
    assert waits == [1.0]


def test_a_file_is_not_called_failed_because_a_store_is_away() -> None:
    away = httpx.Response(503, headers={"retry-after": "60"}, json={"detail": "left alone"})
    file = {"status": "completed", "source_type": "csv", "ledger": None, "error": None}
    answers = [*[away] * 5, httpx.Response(200, json={**file, "id": "1"})]
    client = HeadraceClient(
        URL, transport=httpx.MockTransport(lambda _: answers.pop(0)), sleep=lambda _: None
    )
    notes = Notes()

    [entry] = Follower(client, notes, sleep=lambda _: None).follow(
        [Entry("1", "a.csv", "processing")]
    )

    assert (entry.status, notes.unseen_reasons) == ("completed", ["left alone"] * 2)


def test_a_service_that_was_never_there_is_given_up_at_once() -> None:
    def call() -> None:
        raise ServiceUnreachable("not there")

    with pytest.raises(ServiceUnreachable):
        Outage(sleep=lambda seconds: None).bridge(call)
