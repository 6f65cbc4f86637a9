"""Uploads straight to the bucket: what the adapter promises, on moto's server and a real one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import httpx
import pytest

from actors.adapters.s3.direct_uploads import S3DirectUploads
from actors.adapters.s3.object_store import S3ObjectStore
from actors.store_settings import S3Settings
from domain.errors import InvalidUploadError, NotFoundError
from domain.models.files import ImportOptions
from domain.models.ids import FileId
from domain.models.uploads import NewUpload, UploadedPart, upload_key
from tests.s3_servers import Wire, everything_in, of_its_own, proxied

MIB = 1024 * 1024
PART = 5 * MIB


@pytest.fixture
async def direct(s3: S3Settings) -> AsyncIterator[S3DirectUploads]:
    opened = S3DirectUploads(s3)
    yield opened
    await opened.close()


async def begun(direct: S3DirectUploads, *, size: int) -> NewUpload:
    upload_id = FileId(uuid4())
    return NewUpload(
        upload_id=upload_id,
        filename="export.zip",
        mime_type=None,
        size_bytes=size,
        part_bytes=PART,
        options=ImportOptions(),
        reference=await direct.begin(upload_id),
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )


async def sent(direct: S3DirectUploads, upload: NewUpload, content: bytes) -> list[UploadedPart]:
    """Put each part to its URL, as a client does."""
    numbers = range(1, upload.part_count + 1)
    urls = await direct.part_urls(upload, numbers, expires_seconds=60)
    parts = []
    async with httpx.AsyncClient() as client:
        for number, url in zip(numbers, urls, strict=True):
            piece = content[(number - 1) * PART : number * PART]
            answer = await client.put(url, content=piece)
            assert answer.status_code == 200, answer.text
            parts.append(UploadedPart(number, answer.headers["etag"]))
    return parts


async def uploaded(direct: S3DirectUploads, content: bytes) -> NewUpload:
    upload = await begun(direct, size=len(content))
    await direct.complete(upload, await sent(direct, upload, content))
    return upload


async def test_parts_become_one_object(s3: S3Settings, direct: S3DirectUploads) -> None:
    content = os.urandom(PART + 7)
    upload = await begun(direct, size=len(content))
    size = await direct.complete(upload, await sent(direct, upload, content))
    assert (size, everything_in(s3)) == (
        len(content),
        [s3.prefix + upload_key(upload.upload_id)],
    )


async def test_completing_again_is_no_error(direct: S3DirectUploads) -> None:
    upload = await begun(direct, size=3)
    parts = await sent(direct, upload, b"abc")
    assert [await direct.complete(upload, parts), await direct.complete(upload, parts)] == [3, 3]


async def test_a_part_that_is_not_there_is_told_and_can_follow(direct: S3DirectUploads) -> None:
    upload = await begun(direct, size=3)
    with pytest.raises(InvalidUploadError, match="send what is missing"):
        await direct.complete(upload, [UploadedPart(1, '"900150983cd24fb0d6963f7d28e17f72"')])
    assert await direct.complete(upload, await sent(direct, upload, b"abc")) == 3


async def test_an_upload_that_the_server_has_forgotten_cannot_be_completed(
    moto_s3: S3Settings,
) -> None:
    """Moto's own answer to this is that something went wrong inside it."""

    def forgotten(method: str, path: str) -> str | None:
        return "NoSuchUpload" if method == "POST" and "uploadId=" in path else None

    with proxied(of_its_own(moto_s3), Wire(refused_with=forgotten)) as settings:
        direct = S3DirectUploads(settings)
        upload = await begun(direct, size=3)
        with pytest.raises(NotFoundError):
            await direct.complete(upload, [UploadedPart(1, '"x"')])
        await direct.close()


async def test_an_aborted_upload_leaves_nothing(s3: S3Settings, direct: S3DirectUploads) -> None:
    upload = await begun(direct, size=3)
    await sent(direct, upload, b"abc")
    await direct.abort(upload)
    await direct.abort(upload)
    assert everything_in(s3) == []


async def test_an_upload_gets_its_contents_name(s3: S3Settings, direct: S3DirectUploads) -> None:
    content = os.urandom(PART + 7)
    upload = await uploaded(direct, content)
    stored = await direct.name_by_content(upload.upload_id)
    await direct.discard(upload.upload_id)
    assert (stored.sha256, stored.size_bytes) == (sha256(content).hexdigest(), len(content))
    assert everything_in(s3) == [s3.prefix + stored.key]


async def test_an_upload_that_is_no_more_gets_no_name(direct: S3DirectUploads) -> None:
    with pytest.raises(NotFoundError):
        await direct.name_by_content(FileId(uuid4()))


async def test_an_upload_can_be_read_but_is_not_listed_before_it_has_its_name(
    s3: S3Settings, direct: S3DirectUploads
) -> None:
    upload = await uploaded(direct, b"abc")
    store = S3ObjectStore(s3)
    content = [piece async for piece in store.retrieve(upload_key(upload.upload_id))]
    listed = [key async for key in store.list()]
    await store.close()
    assert (content, listed) == ([b"abc"], [])


async def test_what_was_left_is_found_after_its_time_and_removed(
    s3: S3Settings, direct: S3DirectUploads
) -> None:
    unfinished = await begun(direct, size=3)
    await sent(direct, unfinished, b"abc")
    finished = await uploaded(direct, b"abc")
    ids = {unfinished.upload_id, finished.upload_id}
    assert await direct.left(untouched_seconds=3600) == []
    assert set(await direct.left(untouched_seconds=-3600)) == ids
    for upload_id in ids:
        await direct.abort_all(upload_id)
    assert everything_in(s3) == []


async def test_urls_lead_to_the_public_address(s3: S3Settings) -> None:
    public = s3.model_copy(update={"public_endpoint_url": "https://files.example.com"})
    direct = S3DirectUploads(public)
    upload = await begun(direct, size=3)
    [url] = await direct.part_urls(upload, [1], expires_seconds=60)
    await direct.close()
    assert url.startswith(f"https://files.example.com/{s3.bucket}/")
