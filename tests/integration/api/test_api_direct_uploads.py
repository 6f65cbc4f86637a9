"""Files that go straight to the object store, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from actors.adapters.memory.clock import FakeClock
from actors.adapters.s3.direct_uploads import S3DirectUploads
from actors.adapters.s3.object_store import S3ObjectStore
from actors.settings import HttpSettings
from actors.store_settings import ObjectBackend, ObjectSettings, S3Settings
from domain.models.ids import FileId
from domain.models.uploads import UploadedPart
from pipelines import upload_finishing
from pipelines.housekeeping import Housekeeping
from pipelines.upload_finishing import UploadFinisher
from pipelines.verifying import verify
from tests.s3_servers import everything_in, of_its_own, raw_client

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api, OpenApi

CSV = b"subject,body\nRenewal,Acme asks about the price\nOutage,The login page is down\n"
PART_BYTES = S3Settings().direct_part_bytes


@pytest.fixture
def bucket(moto_s3: S3Settings) -> S3Settings:
    return of_its_own(moto_s3)


@pytest.fixture
async def api(open_api: OpenApi, bucket: S3Settings) -> AsyncIterator[Api]:
    objects, direct = S3ObjectStore(bucket), S3DirectUploads(bucket)
    async with open_api(
        http=HttpSettings(max_upload_bytes=1000 * PART_BYTES),
        objects_in=ObjectSettings(backend=ObjectBackend.S3, s3=bucket),
        objects=objects,
        direct=direct,
        clock=FakeClock(datetime.now(UTC)),
    ) as opened:
        yield opened
    await direct.close()
    await objects.close()


async def begin(api: Api, content: bytes = CSV, **fields: Any) -> dict[str, Any]:
    request = {"filename": "tickets.csv", "size": len(content), **fields}
    answer = await api.client.post("/v1/uploads", json=request)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def send(begun: dict[str, Any], content: bytes = CSV) -> list[dict[str, Any]]:
    """The one part of a small file, put where the service said."""
    [part] = begun["parts"]
    async with httpx.AsyncClient() as client:
        answer = await client.put(part["url"], content=content)
    return [{"number": 1, "etag": answer.headers["etag"]}]


async def complete(api: Api, begun: dict[str, Any], parts: Any) -> httpx.Response:
    path = f"/v1/uploads/{begun['upload_id']}/complete"
    return await api.client.post(path, json={"parts": parts})


async def upload(api: Api, content: bytes = CSV, **fields: Any) -> str:
    begun = await begin(api, content, **fields)
    answer = await complete(api, begun, await send(begun, content))
    assert answer.status_code == 202, answer.text
    file_id: str = answer.json()["id"]
    return file_id


def housekeeping(api: Api) -> Housekeeping:
    services = api.services
    assert services.direct
    finisher = UploadFinisher(services.direct, services.metadata)
    return Housekeeping(services.objects, finisher, untouched_seconds=-3600)


async def test_where_files_lie_on_disk_the_answer_says_how_to_send_them(open_api: OpenApi) -> None:
    async with open_api() as api:
        answer = await api.client.post("/v1/uploads", json={"filename": "a.csv", "size": 3})
        assert (await api.client.get("/v1/status")).json()["direct_uploads"] is False
    assert answer.status_code == 403
    assert "PUT /v1/files/{filename}" in answer.json()["detail"]


async def test_the_status_says_that_uploads_may_go_straight_to_the_bucket(api: Api) -> None:
    assert (await api.client.get("/v1/status")).json()["direct_uploads"] is True


async def test_a_completed_upload_is_imported_and_named_by_its_content(
    api: Api, bucket: S3Settings
) -> None:
    file = await api.conduct(await upload(api))
    assert (file["status"], file["ledger"]["indexed"]) == ("completed", 2)
    assert (file["sha256"], file["file_size"]) == (sha256(CSV).hexdigest(), len(CSV))
    assert everything_in(bucket) == [f"{bucket.prefix}{_key(CSV)}"]


async def test_equal_bytes_are_stored_once_whichever_way_they_came(
    api: Api, bucket: S3Settings
) -> None:
    await api.upload("tickets.csv", CSV)
    await api.conduct(await upload(api))
    assert everything_in(bucket) == [f"{bucket.prefix}{_key(CSV)}"]


async def test_what_the_uploader_says_is_kept(api: Api) -> None:
    file_id = await upload(api, source_type="csv", text_columns=["subject", "body"], job=True)
    file = await api.file(file_id)
    assert (file["filename"], file["mime_type"]) == ("tickets.csv", "text/csv")
    assert file["options"]["text_columns"] == ["subject", "body"]
    assert file["options"]["job"] is True


async def test_completing_again_gives_the_same_file(api: Api) -> None:
    begun = await begin(api)
    parts = await send(begun)
    first, second = await complete(api, begun, parts), await complete(api, begun, parts)
    assert first.json() == second.json() == {"id": begun["upload_id"], "status": "pending"}


async def test_completing_again_after_the_import_gives_the_same_file(api: Api) -> None:
    begun = await begin(api)
    parts = await send(begun)
    await complete(api, begun, parts)
    await api.conduct(begun["upload_id"])
    assert (await complete(api, begun, parts)).json()["status"] == "completed"


async def test_a_service_that_dies_after_joining_the_parts_loses_nothing(api: Api) -> None:
    begun = await begin(api)
    parts = await send(begun)
    await _join_parts(api, begun, parts)
    answer = await complete(api, begun, parts)
    assert (answer.status_code, answer.json()["id"]) == (202, begun["upload_id"])


async def test_what_was_called_complete_becomes_a_file_though_nobody_asks_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_finishing, "ABANDONED_SECONDS", -60.0)
    begun = await begin(api)
    await _join_parts(api, begun, await send(begun))
    await housekeeping(api).tidy_up()
    assert (await api.file(begun["upload_id"]))["status"] == "pending"


async def test_housekeeping_leaves_alone_what_is_still_to_be_imported(api: Api) -> None:
    file_id = await upload(api)
    await housekeeping(api).tidy_up()
    assert (await api.conduct(file_id))["status"] == "completed"


async def test_bytes_that_were_left_under_the_uploads_key_are_removed(
    api: Api, bucket: S3Settings
) -> None:
    """As by a worker that died after the file had moved to its final object."""
    file_id = await upload(api)
    await api.conduct(file_id)
    key = f"{bucket.prefix}uploads/{file_id}"
    raw_client(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=CSV)
    await housekeeping(api).tidy_up()
    assert everything_in(bucket) == [f"{bucket.prefix}{_key(CSV)}"]


async def test_a_missing_part_is_told_and_may_follow(api: Api) -> None:
    begun = await begin(api)
    refused = await complete(api, begun, [{"number": 1, "etag": '"never"'}])
    accepted = await complete(api, begun, await send(begun))
    assert (refused.status_code, accepted.status_code) == (422, 202)


@pytest.mark.parametrize(
    "numbers", [[], [2], [1, 1], [1, 2]], ids=["none", "another", "twice", "too-many"]
)
async def test_every_part_has_to_be_named_once(api: Api, numbers: list[int]) -> None:
    begun = await begin(api)
    answer = await complete(api, begun, [{"number": n, "etag": '"x"'} for n in numbers])
    assert (answer.status_code, "parts 1 to 1" in answer.text) == (422, True)


async def test_fewer_bytes_than_announced_are_refused_and_removed(
    api: Api, bucket: S3Settings
) -> None:
    begun = await begin(api)
    answer = await complete(api, begun, await send(begun, CSV[:-1]))
    assert answer.status_code == 422
    assert f"{len(CSV) - 1} bytes came instead of the {len(CSV)}" in answer.json()["detail"]
    assert everything_in(bucket) == []


async def test_an_aborted_upload_is_gone(api: Api, bucket: S3Settings) -> None:
    begun = await begin(api)
    parts = await send(begun)
    answer = await api.client.delete(f"/v1/uploads/{begun['upload_id']}")
    assert (answer.status_code, everything_in(bucket)) == (204, [])
    assert (await complete(api, begun, parts)).status_code == 404


async def test_an_upload_cannot_be_completed_after_its_time(api: Api, bucket: S3Settings) -> None:
    begun = await begin(api)
    parts = await send(begun)
    api.services.clock.advance(24 * 3600 + 1)  # type: ignore[attr-defined]
    answer = await complete(api, begun, parts)
    assert (answer.status_code, everything_in(bucket)) == (409, [])


async def test_an_expired_upload_is_removed(api: Api, bucket: S3Settings) -> None:
    begun = await begin(api)
    await send(begun)
    row = await api.services.metadata.uploads.get(FileId(begun["upload_id"]))
    await _expire(api, row.upload)
    await housekeeping(api).tidy_up()
    assert everything_in(bucket) == []


async def test_further_urls_are_asked_for(api: Api) -> None:
    begun = await begin(api, size=150 * PART_BYTES)
    path = f"/v1/uploads/{begun['upload_id']}/parts"
    more = (await api.client.get(path, params={"first": begun["next_part"]})).json()
    numbers = [part["number"] for part in [*begun["parts"], *more["parts"]]]
    assert (numbers, more["next_part"]) == (list(range(1, 151)), None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size": 0}, 422),
        ({"size": 1 << 50}, 413),
        ({"filename": "../../etc/passwd"}, 422),
        ({"source_type": "no such source"}, 422),
    ],
    ids=["empty", "too-large", "climbing-name", "bad-source"],
)
async def test_what_could_not_be_imported_is_refused_before_it_is_sent(
    api: Api, bucket: S3Settings, fields: dict[str, Any], status: int
) -> None:
    request = {"filename": "tickets.csv", "size": 10, **fields}
    answer = await api.client.post("/v1/uploads", json=request)
    assert (answer.status_code, everything_in(bucket)) == (status, [])


async def test_a_file_whose_bytes_vanish_before_it_is_read_fails_with_a_sentence(
    api: Api, bucket: S3Settings
) -> None:
    file_id = await upload(api)
    key = f"{bucket.prefix}uploads/{file_id}"
    raw_client(bucket).delete_object(Bucket=bucket.bucket, Key=key)
    file = await api.conduct(file_id)
    assert (file["status"], "upload the file again" in file["error"]) == ("failed", True)


async def test_all_stores_agree_before_a_file_has_its_contents_name(api: Api) -> None:
    await upload(api)
    services = api.services
    assert await verify(services.metadata, services.index, services.objects) == []


async def _join_parts(api: Api, begun: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    """What completing does before there is a row of the file."""
    uploads, direct = api.services.metadata.uploads, api.services.direct
    assert direct
    upload_id = FileId(begun["upload_id"])
    named = [_uploaded(part) for part in parts]
    await uploads.note_parts(upload_id, named)
    await direct.complete((await uploads.get(upload_id)).upload, named)


async def _expire(api: Api, row: Any) -> None:
    await api.services.metadata.uploads.forget(row.upload_id)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await api.services.metadata.uploads.create(replace(row, expires_at=past))


def _uploaded(part: dict[str, Any]) -> UploadedPart:
    return UploadedPart(part["number"], part["etag"])


def _key(content: bytes) -> str:
    digest = sha256(content).hexdigest()
    return f"sha256/{digest[:2]}/{digest[2:4]}/{digest}"
