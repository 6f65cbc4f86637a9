"""Large files straight to the object store, against replayed answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.models.files import ImportOptions
from serve_app.client import HeadraceClient, ServiceRefused, Upload, UploadAborted
from serve_app.commands import direct_sending
from serve_app.commands.direct_sending import ATTEMPTS, DirectSender

URL = "http://127.0.0.1:8000"
STORE = "http://store.example.com"
CONTENT = b"abcdefgh"
PART_BYTES = 3


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct_sending, "DIRECT_FROM_BYTES", len(CONTENT))


class Replayed:
    """A service and its object store. ``store`` says what becomes of a part."""

    def __init__(
        self, path: Path, *, offered: bool = True, store: Callable[[int], httpx.Response] | None
    ) -> None:
        path.write_bytes(CONTENT)
        self.upload = Upload(path, "a.csv", len(CONTENT))
        self.requests: list[tuple[str, str]] = []
        self.parts: dict[int, bytes] = {}
        self.checksums: dict[int, str] = {}
        self.completed: Any = None
        self.notes: list[str] = []
        self._offered = offered
        self._store = store or (lambda number: httpx.Response(200))
        self.client = HeadraceClient(
            URL, transport=httpx.MockTransport(self._answer), sleep=lambda seconds: None
        )

    def send(self, on_bytes: Callable[[int], None] = lambda count: None) -> dict[str, Any]:
        with DirectSender(self.client, self.notes.append, sleep=lambda seconds: None) as sender:
            return sender.send(self.upload, ImportOptions(source="csv"), on_bytes)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.requests.append((request.method, request.url.path))
        if request.url.host == "store.example.com":
            return self._take_part(request, body)
        match request.method, request.url.path:
            case "GET", "/v1/status":
                return httpx.Response(200, json={"direct_uploads": self._offered})
            case "POST", "/v1/uploads":
                begun = {"upload_id": "7", "part_bytes": PART_BYTES, "part_count": 3}
                return httpx.Response(201, json=begun)
            case "GET", "/v1/uploads/7/parts":
                number = int(request.url.params["first"])
                part = {"number": number, "url": f"{STORE}/{number}"}
                return httpx.Response(200, json={"parts": [part]})
            case "POST", "/v1/uploads/7/complete":
                self.completed = json.loads(body)
                return httpx.Response(202, json={"id": "7", "status": "pending"})
            case "DELETE", "/v1/uploads/7":
                return httpx.Response(204)
            case _:
                return httpx.Response(202, json={"id": "through", "status": "pending"})

    def _take_part(self, request: httpx.Request, body: bytes) -> httpx.Response:
        number = int(request.url.path[1:])
        answer = self._store(number)
        if answer.is_success:
            self.parts[number] = body
            self.checksums[number] = request.headers["content-md5"]
            answer.headers["etag"] = f'"{number}"'
        return answer


@pytest.fixture
def replayed(tmp_path: Path) -> Callable[..., Replayed]:
    def make(*, offered: bool = True, store: Any = None) -> Replayed:
        return Replayed(tmp_path / "a.csv", offered=offered, store=store)

    return make


def test_a_large_file_goes_to_the_store_in_parts(replayed: Callable[..., Replayed]) -> None:
    world = replayed()
    assert world.send() == {"id": "7", "status": "pending"}
    assert world.parts == {1: b"abc", 2: b"def", 3: b"gh"}
    assert world.completed["parts"] == [{"number": n, "etag": f'"{n}"'} for n in (1, 2, 3)]


def test_each_part_brings_its_checksum(replayed: Callable[..., Replayed]) -> None:
    world = replayed()
    world.send()
    assert world.checksums[3] == base64.b64encode(md5(b"gh").digest()).decode()


def test_progress_hears_of_every_byte(replayed: Callable[..., Replayed]) -> None:
    counts: list[int] = []
    replayed().send(counts.append)
    assert sum(counts) == len(CONTENT)


def test_a_service_without_the_offer_gets_the_file_itself(
    replayed: Callable[..., Replayed],
) -> None:
    world = replayed(offered=False)
    assert world.send()["id"] == "through"
    assert world.notes == []


def test_a_small_file_goes_through_the_service(
    replayed: Callable[..., Replayed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct_sending, "DIRECT_FROM_BYTES", len(CONTENT) + 1)
    world = replayed()
    world.send()
    assert world.requests == [("PUT", "/v1/files/a.csv")]


def test_a_part_that_fails_is_sent_again_alone(replayed: Callable[..., Replayed]) -> None:
    failures = [httpx.Response(503)]

    def store(number: int) -> httpx.Response:
        return failures.pop() if number == 2 and failures else httpx.Response(200)

    world = replayed(store=store)
    world.send()
    assert [path for _, path in world.requests].count("/2") == 2
    assert [path for _, path in world.requests].count("/1") == 1


def test_a_store_that_cannot_be_reached_is_told_and_gone_around(
    replayed: Callable[..., Replayed],
) -> None:
    def store(number: int) -> httpx.Response:
        raise httpx.ConnectError("refused")

    world = replayed(store=store)
    assert world.send()["id"] == "through"
    assert ("DELETE", "/v1/uploads/7") in world.requests
    [note] = world.notes
    assert "store.example.com does not answer" in note
    assert [path for _, path in world.requests].count("/1") == ATTEMPTS


def test_an_interrupted_upload_is_given_up(replayed: Callable[..., Replayed]) -> None:
    world = replayed()
    world.client.abort()
    with pytest.raises(UploadAborted):
        world.send()
    assert world.requests[-1] == ("DELETE", "/v1/uploads/7")


def test_what_the_service_refuses_is_not_sent_another_way(
    replayed: Callable[..., Replayed], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = replayed()

    def refuse(*_: object, **__: object) -> Any:
        raise ServiceRefused("too large", status=413)

    monkeypatch.setattr(world.client, "begin_upload", refuse)
    with pytest.raises(ServiceRefused):
        world.send()
    assert "PUT" not in {method for method, _ in world.requests}
