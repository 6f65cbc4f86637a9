"""The module registry: what may be swapped while the service runs, and what is in use.

It keeps nothing of its own: the truth is in PostgreSQL, and any process may ask and change it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actors.modules.files import ModuleFiles, named_class
from actors.modules.testing import Seen, TestLimits, TestOrder, test_apart
from actors.settings import Settings
from domain.errors import ConflictError, NotFoundError
from domain.models.modules import (
    Activation,
    ChosenModules,
    Module,
    ModuleKey,
    ModuleKind,
    ModuleState,
    NewModule,
)
from domain.parsers.detection import PARSERS
from domain.ports.modules import ModuleStore
from domain.ports.parser import Parser


@dataclass(frozen=True, slots=True)
class Offer:
    """Code that is brought: a wheel, or a class that is installed; samples to test it on."""

    kind: ModuleKind
    locator: str | None = None
    wheel: Path | None = None
    samples: Sequence[Path] = ()


class Registry(Protocol):
    """What one may ask of the registry, wherever it is."""

    async def list(self) -> Sequence[Module]:
        """Every module with its state, the built-in parsers first."""
        ...

    async def add(self, offer: Offer) -> Module:
        """Test the offered code in a process of its own and keep it; activates nothing.

        What does not pass is kept as ``added``, with its error.

        Raises:
            InvalidModuleError: it is no module at all; nothing is kept.
            ConflictError: its version is known with other code, or is the built-in's.
        """
        ...

    async def activate(self, key: ModuleKey) -> Activation:
        """Use the version for new work; the built-in's version goes back to that.

        Raises:
            NotFoundError, ConflictError: as ``ModuleStore.activate``.
        """
        ...

    async def rollback(self, kind: ModuleKind, name: str) -> Activation:
        """See ``ModuleStore.rollback``. Raises ``ConflictError``."""
        ...

    async def disable(self, kind: ModuleKind, name: str) -> Activation:
        """Use nothing for the name. Raises ``NotFoundError``."""
        ...


class ModuleRegistry:
    """Fulfils ``Registry`` on a store and a directory."""

    def __init__(self, store: ModuleStore, files: ModuleFiles, limits: TestLimits) -> None:
        self._store = store
        self._files = files
        self._limits = limits

    async def list(self) -> Sequence[Module]:
        chosen = await self._store.chosen(ModuleKind.PARSER)
        built_in = [_built_in(parser, chosen) for _, parser in sorted(PARSERS.items())]
        return [*built_in, *await self._store.list()]

    async def add(self, offer: Offer) -> Module:
        module = await asyncio.to_thread(self._test, offer)
        return await self._store.put(module)

    async def activate(self, key: ModuleKey) -> Activation:
        if _is_built_in(key):
            return await self._store.activate_built_in(key.kind, key.name)
        return await self._store.activate(key)

    async def rollback(self, kind: ModuleKind, name: str) -> Activation:
        return await self._store.rollback(kind, name)

    async def disable(self, kind: ModuleKind, name: str) -> Activation:
        known = {(module.key.kind, module.key.name) for module in await self.list()}
        if (kind, name) not in known:
            raise NotFoundError(f"no {kind} is called {name}; see 'headrace modules list'")
        return await self._store.disable(kind, name)

    def _test(self, offer: Offer) -> NewModule:
        if offer.wheel is None:
            return _found(offer, test_apart(_order(offer, offer.locator or "", None), self._limits))
        sha256 = self._files.keep_wheel(offer.wheel)
        with self._files.incoming() as incoming:
            unpacked = incoming / "code"
            self._files.unpack(sha256, offer.wheel.name, unpacked)
            locator = offer.locator or named_class(unpacked, offer.kind)
            seen = test_apart(_order(offer, locator, unpacked), self._limits)
            found = _found(offer, seen, locator=locator, sha256=sha256)
            self._files.settle(unpacked, found.key, sha256)
            return found


def open_registry(settings: Settings, store: ModuleStore) -> ModuleRegistry:
    """The registry of the settings' data directory."""
    limits = TestLimits(settings.modules.self_test_seconds, settings.modules.self_test_memory_bytes)
    return ModuleRegistry(store, ModuleFiles(settings.modules_dir), limits)


def _order(offer: Offer, locator: str, directory: Path | None) -> TestOrder:
    return TestOrder(offer.kind, locator, directory, offer.samples)


def _found(
    offer: Offer, seen: Seen, *, locator: str | None = None, sha256: str | None = None
) -> NewModule:
    key = ModuleKey(offer.kind, seen.name, seen.version)
    if _is_built_in(key):
        raise ConflictError(
            f"{key.label} is the built-in one: give the module a version of its own",
            name=key.name,
            version=key.version,
        )
    return NewModule(
        key=key,
        locator=locator or offer.locator or "",
        checks=seen.checks,
        sha256=sha256,
        wheel=offer.wheel.name if offer.wheel else None,
    )


def _is_built_in(key: ModuleKey) -> bool:
    parser = PARSERS.get(key.name)
    is_parser = key.kind is ModuleKind.PARSER
    return is_parser and parser is not None and parser.version == key.version


def _built_in(parser: Parser, chosen: ChosenModules) -> Module:
    key = ModuleKey(ModuleKind.PARSER, parser.name, parser.version)
    is_replaced = any(module.key.name == parser.name for module in chosen.active)
    state = ModuleState.VALIDATED if is_replaced else ModuleState.ACTIVE
    if parser.name in chosen.disabled:
        state = ModuleState.DISABLED
    kind = type(parser)
    locator = f"{kind.__module__}:{kind.__qualname__}"
    return Module(key, locator, state, is_built_in=True)
