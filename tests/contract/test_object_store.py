"""What every object store does. A further implementation joins ``IMPLEMENTATIONS``."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from actors.adapters.filesystem import object_store as filesystem
from actors.adapters.filesystem.object_store import FilesystemObjectStore
from actors.adapters.memory.object_store import InMemoryObjectStore
from actors.adapters.s3.object_store import S3ObjectStore
from domain.errors import InvalidUploadError, NotFoundError, ObjectStoreUnavailableError
from domain.models.ids import ObjectKey
from domain.ports.object_store import ObjectStore
from tests.s3_servers import of_its_own, real_server

MIB = 1024 * 1024
IMPLEMENTATIONS = [
    pytest.param("memory", id="memory"),
    pytest.param("filesystem", id="filesystem"),
    pytest.param("moto", id="moto"),
    pytest.param("real-s3", id="real-s3", marks=pytest.mark.external_service),
]
ABSENT = ObjectKey(f"sha256/00/00/{'0' * 64}")


@pytest.fixture(params=IMPLEMENTATIONS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    opened = _open(request.param, request, tmp_path)
    yield opened
    await opened.close()


def _open(kind: str, request: pytest.FixtureRequest, path: Path) -> ObjectStore:
    match kind:
        case "memory":
            return InMemoryObjectStore()
        case "filesystem":
            return FilesystemObjectStore(path)
        case "moto":
            return S3ObjectStore(of_its_own(request.getfixturevalue("moto_s3")))
        case _:
            return S3ObjectStore(of_its_own(real_server()))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken_after(part: bytes) -> AsyncIterator[bytes]:
    yield part
    raise ConnectionResetError("the client went away")


async def content_of(store: ObjectStore, key: ObjectKey) -> bytes:
    return b"".join([piece async for piece in store.retrieve(key)])


async def keys_of(store: ObjectStore, prefix: str = "") -> list[ObjectKey]:
    return [key async for key in store.list(prefix)]


async def test_what_is_stored_comes_back(store: ObjectStore) -> None:
    parts = [os.urandom(700_000) for _ in range(4)]
    stored = await store.store(pieces(*parts))
    assert await content_of(store, stored.key) == b"".join(parts)


async def test_an_object_is_named_by_its_content(store: ObjectStore) -> None:
    stored = await store.store(pieces(b"ab", b"c"))
    assert (stored.sha256, stored.size_bytes) == (sha256(b"abc").hexdigest(), 3)


async def test_equal_bytes_are_stored_once(store: ObjectStore) -> None:
    first = await store.store(pieces(b"same"))
    second = await store.store(pieces(b"sa", b"me"))
    assert await keys_of(store) == [first.key] == [second.key]


async def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    stored = await store.store(pieces())
    assert (await store.size(stored.key), await content_of(store, stored.key)) == (0, b"")


async def test_an_object_opens_as_a_seekable_file(store: ObjectStore) -> None:
    stored = await store.store(pieces(b"hello world"))
    async with store.open(stored.key) as file:
        file.seek(6)
        assert file.read() == b"world"


async def test_pieces_are_of_at_most_a_mebibyte(store: ObjectStore) -> None:
    stored = await store.store(pieces(bytes(3 * MIB + 1)))
    assert max([len(piece) async for piece in store.retrieve(stored.key)]) <= MIB


async def test_an_upload_over_the_limit_leaves_nothing(store: ObjectStore) -> None:
    with pytest.raises(InvalidUploadError):
        await store.store(pieces(b"12345", b"6"), max_bytes=5)
    assert await keys_of(store) == []


async def test_an_upload_of_exactly_the_limit_is_stored(store: ObjectStore) -> None:
    assert (await store.store(pieces(b"12345"), max_bytes=5)).size_bytes == 5


async def test_a_broken_upload_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await store.store(broken_after(bytes(2 * MIB)))
    assert await keys_of(store) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_keys_are_listed_in_order_by_prefix(store: ObjectStore) -> None:
    stored = [await store.store(pieces(bytes([number]))) for number in range(5)]
    prefix = stored[0].key[:10]
    expected = sorted(entry.key for entry in stored)
    assert await keys_of(store) == expected
    assert await keys_of(store, prefix) == [key for key in expected if key.startswith(prefix)]


async def test_a_deleted_object_is_gone(store: ObjectStore) -> None:
    stored = await store.store(pieces(b"x"))
    assert [await store.delete(stored.key), await store.delete(stored.key)] == [True, False]
    assert await keys_of(store) == []


@pytest.mark.parametrize("key", [ABSENT, "../../etc/passwd", "/etc/passwd", "incoming/x", ""])
async def test_an_absent_or_impossible_key_is_not_found(store: ObjectStore, key: str) -> None:
    with pytest.raises(NotFoundError):
        await content_of(store, ObjectKey(key))
    with pytest.raises(NotFoundError):
        await store.size(ObjectKey(key))
    with pytest.raises(NotFoundError):
        async with store.open(ObjectKey(key)):
            pass
    assert not await store.delete(ObjectKey(key))


async def test_a_store_answers_pings(store: ObjectStore) -> None:
    await store.ping()


async def test_an_object_of_several_parts_comes_back(store: ObjectStore) -> None:
    parts = [os.urandom(MIB) for _ in range(17)]
    stored = await store.store(pieces(*parts))
    assert await content_of(store, stored.key) == b"".join(parts)


async def test_complete_objects_are_no_leftovers(store: ObjectStore) -> None:
    stored = await store.store(pieces(b"x"))
    assert await store.remove_leftovers(untouched_seconds=-3600) == 0
    assert await keys_of(store) == [stored.key]


async def test_the_same_upload_many_times_at_once_is_stored_once(store: ObjectStore) -> None:
    await asyncio.gather(*(store.store(pieces(b"a" * MIB, b"b")) for _ in range(8)))
    assert len(await keys_of(store)) == 1


async def test_a_crashed_upload_is_not_listed_and_goes_after_a_day(tmp_path: Path) -> None:
    store = FilesystemObjectStore(tmp_path)
    old, fresh = tmp_path / "incoming" / "old", tmp_path / "incoming" / "fresh"
    for path in (old, fresh):
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    assert await keys_of(store) == []
    FilesystemObjectStore(tmp_path)
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize(
    ("code", "sentence"), [(errno.ENOSPC, "is full"), (errno.EACCES, "permissions")]
)
async def test_what_the_disk_says_becomes_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    store = FilesystemObjectStore(tmp_path)
    monkeypatch.setattr(filesystem, "_write_all", refuse)
    with pytest.raises(ObjectStoreUnavailableError, match=sentence) as caught:
        await store.store(pieces(b"x"))
    assert str(tmp_path) in caught.value.message
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_a_directory_that_went_away_makes_the_store_unavailable(tmp_path: Path) -> None:
    store = FilesystemObjectStore(tmp_path / "objects")
    (tmp_path / "objects").rename(tmp_path / "elsewhere")
    with pytest.raises(ObjectStoreUnavailableError):
        await store.ping()


async def test_an_upload_does_not_grow_the_process(tmp_path: Path) -> None:
    peak = 0

    async def large() -> AsyncIterator[bytes]:
        nonlocal peak
        for _ in range(200 * 16):
            yield bytes(MIB // 16)
            peak = max(peak, psutil.Process().memory_info().rss)

    store = FilesystemObjectStore(tmp_path)
    before = psutil.Process().memory_info().rss
    await store.store(large())
    assert peak - before < 20 * MIB
