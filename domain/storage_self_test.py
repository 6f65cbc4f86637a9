"""What a storage module has to show before it may keep what matters."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from domain.models.modules import Check
from domain.parsers.self_test import NAME, Failed, checked
from domain.ports.storage_module import StorageModule

_METHODS = ("store", "retrieve", "delete", "list")
_CONTENTS = (b"", b"\x00\xff raw", b"x" * 1024 * 1024)


async def test_storage(module: StorageModule, prefix: str) -> list[Check]:
    """Store, read back, list and remove objects under ``prefix``, which must be the test's own.

    Nothing that the module raises leaves this function.
    """
    checks = [await checked("interface", lambda: _interface(module))]
    if not checks[0].ok:
        return checks
    looks: tuple[tuple[str, Callable[[StorageModule, str], Awaitable[str]]], ...] = (
        ("round trip", _round_trip),
        ("list", _list),
        ("delete", _delete),
        ("missing key", _missing),
    )
    for name, look in looks:
        checks.append(await checked(name, lambda look=look: look(module, prefix)))  # type: ignore[misc]
        if not checks[-1].ok:
            break
    return checks


async def _interface(module: StorageModule) -> str:
    missing = [name for name in _METHODS if not callable(getattr(module, name, None))]
    _require(not missing, f"it has no {', '.join(missing)}; see domain/ports/storage_module.py")
    is_named = isinstance(module.name, str) and NAME.match(module.name)
    _require(bool(is_named), "its name is not 1 to 50 of a-z, 0-9, '_' and '-'")
    for name in _METHODS:
        is_async = inspect.iscoroutinefunction(getattr(module, name))
        _require(is_async, f"{name} is no coroutine function; write 'async def {name}'")
    return f"{module.name}/{module.version}"


async def _round_trip(module: StorageModule, prefix: str) -> str:
    for number, content in enumerate(_CONTENTS):
        key = f"{prefix}/{number}"
        said = await module.store(content, key)
        _require(said == key, f"store returned {said!r}, not the key {key!r}")
        _require(await module.retrieve(key) == content, f"{len(content)} bytes came back changed")
    await module.store(b"second", f"{prefix}/0")
    _require(await module.retrieve(f"{prefix}/0") == b"second", "storing again does not replace")
    return f"{len(_CONTENTS)} objects"


async def _list(module: StorageModule, prefix: str) -> str:
    wanted = sorted(f"{prefix}/{number}" for number in range(len(_CONTENTS)))
    found = sorted(await module.list(f"{prefix}/"))
    _require(found == wanted, f"list gives {found}, not {wanted}")
    _require(await module.list(f"{prefix}/none") == [], "list gives keys of another prefix")
    return f"{len(found)} keys"


async def _delete(module: StorageModule, prefix: str) -> str:
    for number in range(len(_CONTENTS)):
        key = f"{prefix}/{number}"
        _require(await module.delete(key) is True, f"delete of {key} did not answer True")
        _require(await module.delete(key) is False, "delete of what is gone did not answer False")
    _require(await module.list(f"{prefix}/") == [], "deleted keys are still listed")
    return "all removed"


async def _missing(module: StorageModule, prefix: str) -> str:
    try:
        found = await module.retrieve(f"{prefix}/missing")
    except Exception as error:
        return f"raises {type(error).__name__}"
    raise Failed(f"retrieve of a missing key gives {type(found).__name__} and raises nothing")


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
