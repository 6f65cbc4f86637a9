"""What only a store on S3 can do wrong: parts left over, damage on the way, a server that refuses.

Each test runs against moto's server, and against a real one where the environment names it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from actors.adapters.s3.object_store import S3ObjectStore
from actors.settings import Settings
from actors.store_settings import ObjectBackend, ObjectSettings, S3Settings
from domain.errors import InvalidUploadError, ObjectStoreUnavailableError
from domain.models.ids import ObjectKey
from serve_app.addresses import CannotStart
from serve_app.launcher import prepare_start
from tests.s3_servers import (
    Wire,
    everything_in,
    forgetful_server,
    of_its_own,
    proxied,
    raw_client,
    real_server,
)

MIB = 1024 * 1024
PART = 5 * MIB


@pytest.fixture
async def store(s3: S3Settings) -> AsyncIterator[S3ObjectStore]:
    opened = S3ObjectStore(s3.model_copy(update={"part_bytes": PART}))
    yield opened
    await opened.close()


async def stream(count: int, *, piece: bytes = b"x" * MIB) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield piece


async def the_error_of_ping(settings: S3Settings) -> str:
    store = S3ObjectStore(settings)
    with pytest.raises(ObjectStoreUnavailableError) as caught:
        await store.ping()
    await store.close()
    return caught.value.message


async def test_a_stream_that_breaks_off_after_parts_leaves_nothing(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in stream(12):
            yield piece
        raise ConnectionResetError("the client went away")

    with pytest.raises(ConnectionResetError):
        await store.store(broken())
    assert everything_in(s3) == []


async def test_a_cancelled_upload_leaves_nothing(s3: S3Settings, store: S3ObjectStore) -> None:
    sent = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        async for piece in stream(12):
            yield piece
        sent.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(store.store(endless()))
    await sent.wait()
    upload.cancel()
    with suppress(asyncio.CancelledError):
        await upload
    assert everything_in(s3) == []


async def test_an_upload_over_the_limit_leaves_no_parts(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    with pytest.raises(InvalidUploadError):
        await store.store(stream(12), max_bytes=11 * MIB)
    assert everything_in(s3) == []


async def test_a_large_upload_leaves_only_its_object(s3: S3Settings, store: S3ObjectStore) -> None:
    stored = await store.store(stream(11))
    assert everything_in(s3) == [s3.prefix + stored.key]


@pytest.mark.parametrize("size", [1, 11], ids=["whole", "in-parts"])
async def test_bytes_that_the_server_calls_damaged_are_not_stored(
    s3: S3Settings, size: int
) -> None:
    def refuse(method: str, path: str) -> str | None:
        brings_bytes = method == "PUT" and ("partNumber=2" in path or size == 1)
        return "BadDigest" if brings_bytes else None

    with proxied(s3, Wire(refused_with=refuse)) as settings:
        store = S3ObjectStore(settings.model_copy(update={"part_bytes": PART}))
        with pytest.raises(ObjectStoreUnavailableError, match="damaged on their way"):
            await store.store(stream(size))
        await store.close()
    assert everything_in(s3) == []


@pytest.mark.external_service
@pytest.mark.parametrize("size", [1, 11], ids=["whole", "in-parts"])
async def test_a_server_notices_bytes_that_were_damaged_on_the_way(size: int) -> None:
    """Moto's does not look at checksums."""
    place = of_its_own(real_server())

    def damaged(method: str, path: str) -> bool:
        return method == "PUT" and ("partNumber=2" in path or size == 1)

    with proxied(place, Wire(is_damaged=damaged)) as settings:
        store = S3ObjectStore(settings.model_copy(update={"part_bytes": PART}))
        with pytest.raises(ObjectStoreUnavailableError, match="damaged on their way"):
            await store.store(stream(size))
        await store.close()
    assert everything_in(place) == []


async def test_an_object_that_was_damaged_in_the_bucket_is_noticed(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    stored = await store.store(stream(1))
    raw_client(s3).put_object(Bucket=s3.bucket, Key=s3.prefix + stored.key, Body=b"y" * MIB)
    with pytest.raises(ObjectStoreUnavailableError, match="is damaged"):
        _ = [piece async for piece in store.retrieve(stored.key)]


async def test_an_object_that_was_cut_short_while_it_is_read_does_not_end_silently(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    stored = await store.store(stream(1))
    async with store.open(stored.key) as file:
        raw_client(s3).put_object(Bucket=s3.bucket, Key=s3.prefix + stored.key, Body=b"short")
        with pytest.raises(ObjectStoreUnavailableError, match="may be damaged"):
            await asyncio.to_thread(file.read)


async def test_reading_goes_on_after_a_connection_was_refused_once(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    stored = await store.store(stream(3))
    refusals = iter(["SlowDown"])

    def refuse(method: str, path: str) -> str | None:
        return next(refusals, None) if method == "GET" else None

    with proxied(s3, Wire(refused_with=refuse)) as settings:
        patient = S3ObjectStore(settings)
        content = b"".join([piece async for piece in patient.retrieve(stored.key)])
        await patient.close()
    assert content == b"x" * 3 * MIB


async def test_leftovers_go_when_nobody_has_touched_them_for_long(
    s3: S3Settings, store: S3ObjectStore
) -> None:
    client, key = raw_client(s3), f"{s3.prefix}incoming/half"
    upload_id = client.create_multipart_upload(Bucket=s3.bucket, Key=key)["UploadId"]
    client.upload_part(Bucket=s3.bucket, Key=key, UploadId=upload_id, PartNumber=1, Body=b"x")
    client.put_object(Bucket=s3.bucket, Key=f"{s3.prefix}incoming/whole", Body=b"x")
    assert await store.remove_leftovers(untouched_seconds=3600) == 0
    assert await store.remove_leftovers(untouched_seconds=-3600) == 2
    assert everything_in(s3) == []


async def test_a_ping_leaves_nothing(s3: S3Settings, store: S3ObjectStore) -> None:
    await store.ping()
    assert everything_in(s3) == []


async def test_a_missing_bucket_is_named(s3: S3Settings) -> None:
    message = await the_error_of_ping(s3.model_copy(update={"bucket": "headrace-no-such"}))
    assert "there is no bucket 'headrace-no-such'" in message
    assert "HEADRACE_OBJECTS__S3__BUCKET" in message


def test_a_service_does_not_start_on_a_bucket_that_cannot_be_used(
    moto_s3: S3Settings, tmp_path: Path
) -> None:
    missing = moto_s3.model_copy(update={"bucket": "headrace-no-such"})
    objects = ObjectSettings(backend=ObjectBackend.S3, s3=missing)
    with pytest.raises(CannotStart, match="there is no bucket"):
        prepare_start(Settings(data_dir=tmp_path, objects=objects))


async def test_an_object_in_a_missing_bucket_is_not_called_missing(s3: S3Settings) -> None:
    store = S3ObjectStore(s3.model_copy(update={"bucket": "headrace-no-such"}))
    with pytest.raises(ObjectStoreUnavailableError, match="there is no bucket"):
        await store.size(ObjectKey(f"sha256/00/00/{'0' * 64}"))
    await store.close()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("InvalidAccessKeyId", "does not accept the credential"),
        ("ExpiredToken", "wrong, expired or revoked"),
        ("AccessDenied", "may not use the bucket"),
        ("RequestTimeTooSkewed", "set the clock"),
        ("PermanentRedirect", "HEADRACE_OBJECTS__S3__REGION"),
        ("XMinioStorageFull", "is full"),
    ],
)
async def test_what_the_server_says_becomes_a_sentence(
    moto_s3: S3Settings, code: str, sentence: str
) -> None:
    with proxied(moto_s3, Wire(refused_with=lambda method, path: code)) as settings:
        assert sentence in await the_error_of_ping(settings)


@pytest.mark.external_service
async def test_a_wrong_secret_is_told_apart_from_a_silent_server() -> None:
    wrong = real_server().model_copy(update={"secret_access_key": "revoked"})
    settings = S3Settings.model_validate(wrong.model_dump())
    assert "does not accept the credential" in await the_error_of_ping(settings)


async def test_an_unreachable_server_is_told_with_its_address(moto_s3: S3Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings = moto_s3.model_copy(update={"endpoint_url": endpoint})
        assert f"{endpoint} does not answer" in await the_error_of_ping(settings)


async def test_a_server_that_does_not_speak_tls_is_told(moto_s3: S3Settings) -> None:
    endpoint = str(moto_s3.endpoint_url).replace("http:", "https:")
    settings = moto_s3.model_copy(update={"endpoint_url": endpoint})
    assert "HEADRACE_OBJECTS__S3__CA_BUNDLE" in await the_error_of_ping(settings)


async def test_objects_are_encrypted_unless_a_setting_says_otherwise(moto_s3: S3Settings) -> None:
    settings = of_its_own(moto_s3, part_bytes=PART)
    store = S3ObjectStore(settings)
    client, found = raw_client(settings), []
    for size in (1, 11):
        key = settings.prefix + (await store.store(stream(size))).key
        found.append(client.head_object(Bucket=settings.bucket, Key=key)["ServerSideEncryption"])
    await store.close()
    assert found == ["AES256", "AES256"]


async def test_neither_an_upload_nor_reading_it_grows_the_process() -> None:
    with forgetful_server() as settings:
        sizes = {"part_bytes": PART, "read_ahead_bytes": 2 * MIB}
        store = S3ObjectStore(settings.model_copy(update=sizes))
        await store.size(ObjectKey(f"sha256/00/00/{'0' * 64}"))  # the driver is loaded
        process = psutil.Process()
        before = peak = process.memory_info().rss

        async def large() -> AsyncIterator[bytes]:
            nonlocal peak
            async for piece in stream(200):
                yield piece
                peak = max(peak, process.memory_info().rss)

        stored = await store.store(large())
        async with store.open(stored.key) as file:
            while await asyncio.to_thread(file.read, MIB):
                peak = max(peak, process.memory_info().rss)
        await store.close()
    assert peak - before < 40 * MIB
