"""Files over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

CSV = b"subject,body\nRenewal,Acme asks about the price\nOutage,The login page is down\n"
MAX_UPLOAD_BYTES = 1_000_000


def incoming(tmp_path: Path) -> list[Path]:
    """Files that an upload has left behind unfinished."""
    return [path for path in (tmp_path / "objects" / "incoming").iterdir() if path.is_file()]


async def test_an_upload_is_accepted_and_pending(api: Api) -> None:
    answer = await api.client.put("/v1/files/tickets.csv", content=CSV)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


async def test_an_upload_keeps_every_byte(api: Api) -> None:
    file = await api.file(await api.upload("tickets.csv", CSV))
    assert (file["filename"], file["file_size"]) == ("tickets.csv", len(CSV))


async def test_a_file_may_come_with_its_folder(api: Api) -> None:
    file = await api.file(await api.upload("2026/march/tickets.csv", CSV))
    assert file["filename"] == "2026/march/tickets.csv"


async def test_what_the_uploader_says_is_kept(api: Api) -> None:
    file_id = await api.upload(
        "t.csv", CSV, source_type="csv", text_columns="subject, body", id_column="subject", job=True
    )
    assert (await api.file(file_id))["options"] == {
        "source": "csv",
        "text_columns": ["subject", "body"],
        "title_column": None,
        "timestamp_column": None,
        "id_column": "subject",
        "job": True,
        "priority": None,
        "replace": False,
    }


async def test_a_form_brings_a_file_too(api: Api) -> None:
    answer = await api.client.post(
        "/v1/files",
        files={"file": ("tickets.csv", CSV, "text/csv")},
        data={"source_type": "csv", "title_column": "subject"},
    )
    file = await api.file(answer.json()["id"])
    assert (file["mime_type"], file["options"]["title_column"]) == ("text/csv", "subject")


async def test_an_imported_file_shows_its_ledger_and_progress(api: Api) -> None:
    file = await api.import_file("tickets.csv", CSV)
    assert file["status"] == "completed", file["error"]
    assert file["ledger"] == {
        "read": 2, "indexed": 2, "unchanged": 0, "dropped": {}, "failed": 0,
    }  # fmt: skip
    assert file["progress"]["fraction"] == 1.0


async def test_an_unreadable_file_says_why(api: Api) -> None:
    file = await api.import_file("noise.zip", bytes(range(256)) * 8)
    assert file["status"] == "failed"
    assert file["error"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        pytest.param("/v1/files/t.csv", {"source_type": "no such!"}, id="impossible source"),
        pytest.param("/v1/files/a/..%2F..%2Fetc/passwd", {}, id="climbing name"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused(
    api: Api, path: str, parameters: dict[str, str]
) -> None:
    answer = await api.client.put(path, content=CSV, params=parameters)
    assert answer.status_code == 422, answer.text


async def test_too_large_an_upload_is_refused_by_its_header(api: Api, tmp_path: Path) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await api.client.put(
        "/v1/files/big.bin",
        content=never(),
        headers={"content-length": str(MAX_UPLOAD_BYTES + 1)},
    )
    assert answer.status_code == 413
    assert answer.json()["max_bytes"] == MAX_UPLOAD_BYTES


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(64 * 1024)


async def test_an_upload_without_a_length_is_cut_at_the_limit(api: Api, tmp_path: Path) -> None:
    answer = await api.client.put("/v1/files/big.bin", content=endless())
    assert answer.status_code == 413
    assert incoming(tmp_path) == []


async def test_a_form_without_a_length_is_cut_at_the_limit(api: Api) -> None:
    async def endless_form() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        async for piece in endless():
            yield piece

    answer = await api.client.post(
        "/v1/files",
        content=endless_form(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413, answer.text


async def test_a_client_that_goes_away_leaves_nothing_behind(api: Api, tmp_path: Path) -> None:
    messages = [
        {"type": "http.request", "body": b"half a file", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    async def send(_message: object) -> None: ...

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PUT",
        "scheme": "http", "path": "/v1/files/half.csv", "raw_path": b"/v1/files/half.csv",
        "query_string": b"", "root_path": "", "headers": [], "server": ("api", 80),
    }  # fmt: skip
    await api.app(scope, receive, send)  # type: ignore[arg-type]
    assert incoming(tmp_path) == []
    assert (await api.client.get("/v1/files")).json()["files"] == []


async def test_a_full_queue_says_when_to_come_back(open_api: OpenApi) -> None:
    async with open_api(queue_limit=1) as api:
        await api.upload("one.csv", CSV)
        answer = await api.client.put("/v1/files/two.csv", content=CSV)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


async def test_files_are_listed_newest_first_in_pages(api: Api) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        await api.upload(name, CSV)
    first = (await api.client.get("/v1/files", params={"limit": 2})).json()
    rest = await api.client.get("/v1/files", params={"before": first["next_before"]})
    names = [file["filename"] for file in first["files"] + rest.json()["files"]]
    assert names == ["c.csv", "b.csv", "a.csv"]


async def test_the_last_page_names_no_next_one(api: Api) -> None:
    await api.upload("a.csv", CSV)
    assert (await api.client.get("/v1/files")).json()["next_before"] is None


async def test_files_are_listed_by_status(api: Api) -> None:
    await api.upload("a.csv", CSV)
    listed = (await api.client.get("/v1/files", params={"status": "failed"})).json()
    assert listed["files"] == []


async def test_deleting_is_accepted(api: Api) -> None:
    file_id = await api.upload("a.csv", CSV)
    answer = await api.client.delete(f"/v1/files/{file_id}")
    assert (answer.status_code, answer.json()["status"]) == (202, "deleting")


async def test_a_finished_file_can_be_replayed(api: Api) -> None:
    file = await api.import_file("a.csv", CSV)
    answer = await api.client.post(f"/v1/files/{file['id']}/replay")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


async def test_an_unfinished_file_cannot_be_replayed(api: Api) -> None:
    file_id = await api.upload("a.csv", CSV)
    assert (await api.client.post(f"/v1/files/{file_id}/replay")).status_code == 409


async def test_dead_letters_show_place_error_and_bytes(api: Api) -> None:
    file = await api.import_file("a.jsonl", b'{"text": "fine"}\n{"text": bro\xffken\n' * 2)
    answer = await api.client.get(f"/v1/files/{file['id']}/dead-letters")
    letters = answer.json()["dead_letters"]
    assert len(letters) == file["ledger"]["failed"] > 0
    assert set(letters[0]) == {"place", "error", "raw"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/files/{}"),
        ("DELETE", "/v1/files/{}"),
        ("POST", "/v1/files/{}/replay"),
        ("GET", "/v1/files/{}/dead-letters"),
        ("GET", "/v1/records/{}"),
        ("GET", "/v1/records/{}/related"),
    ],
)
async def test_what_does_not_exist_is_a_404_problem(api: Api, method: str, path: str) -> None:
    answer: httpx.Response = await api.client.request(method, path.format(uuid4()))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
