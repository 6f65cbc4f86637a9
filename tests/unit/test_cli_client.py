"""The HTTP client: patience, streams, and what breaks off."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from domain.models.files import ImportOptions
from serve_app.client import HeadraceClient, ServiceRefused, ServiceUnreachable, Upload
from serve_app.commands.importing import Outage

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


def test_a_service_that_was_never_there_is_given_up_at_once() -> None:
    def call() -> None:
        raise ServiceUnreachable("not there")

    with pytest.raises(ServiceUnreachable):
        Outage(sleep=lambda seconds: None).bridge(call)
