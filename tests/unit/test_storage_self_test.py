"""The self-test of storage modules."""

from __future__ import annotations

from typing import Any

import pytest

from domain.storage_self_test import test_storage

self_test = test_storage
del test_storage


class Storage:
    name, version = "acme", "1.0"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def store(self, data: bytes, key: str) -> str:
        self.objects[key] = data
        return key

    async def retrieve(self, key: str) -> bytes:
        return self.objects[key]

    async def delete(self, key: str) -> bool:
        return self.objects.pop(key, None) is not None

    async def list(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]


class Renaming(Storage):
    async def store(self, data: bytes, key: str) -> str:
        return await super().store(data, key) + "!"


class Stripping(Storage):
    async def retrieve(self, key: str) -> bytes:
        return (await super().retrieve(key)).strip(b"\x00")


class Keeping(Storage):
    async def store(self, data: bytes, key: str) -> str:
        self.objects.setdefault(key, data)
        return key


class ListingAll(Storage):
    async def list(self, prefix: str) -> list[str]:
        return sorted(self.objects)


class Undeleting(Storage):
    async def delete(self, key: str) -> bool:
        return True


class Inventing(Storage):
    async def retrieve(self, key: str) -> bytes:
        return self.objects.get(key, b"")


class Misnamed(Storage):
    name = "No Name"


class Blocking(Storage):
    def list(self, prefix: str) -> list[str]:  # type: ignore[override]
        return []


async def complaint_of(storage: Any) -> str:
    checks = await self_test(storage, "test")
    return "; ".join(check.detail for check in checks if not check.ok)


async def test_a_sound_storage_passes_and_leaves_nothing() -> None:
    storage = Storage()
    checks = await self_test(storage, "test")
    assert [check.ok for check in checks] == [True] * 5
    assert storage.objects == {}


@pytest.mark.parametrize(
    ("storage", "complaint"),
    [
        (object(), "it has no store"),
        (Misnamed(), "its name is not"),
        (Blocking(), "list is no coroutine function"),
        (Renaming(), "store returned"),
        (Stripping(), "came back changed"),
        (Keeping(), "does not replace"),
        (ListingAll(), "list gives"),
        (Undeleting(), "did not answer False"),
        (Inventing(), "raises nothing"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
async def test_a_bad_storage_is_told_what_is_wrong(storage: Any, complaint: str) -> None:
    assert complaint in await complaint_of(storage)
