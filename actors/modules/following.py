"""The parsers of one process, as PostgreSQL says: asked for each file, never within one."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from actors.modules.files import ModuleFiles
from actors.modules.loading import load_object
from domain.errors import HeadraceError, ModuleUnavailableError, NotFoundError, RequestError
from domain.models.modules import Module, ModuleKey, ModuleKind
from domain.parsers.registry import ParserRegistry, gone, label_of
from domain.ports.modules import ModuleStore
from domain.ports.parser import Parser

log = structlog.get_logger(__name__)


class FollowedParsers:
    """A ``ParserSource`` that is as new as the store at the moment of asking.

    Versions that were loaded stay loaded: a file ends on the one that it began with.
    """

    def __init__(self, store: ModuleStore, files: ModuleFiles) -> None:
        self._store = store
        self._files = files
        self._generation = -1
        self._registry = ParserRegistry()
        self._loaded: dict[str, Parser] = {}
        self._lock = asyncio.Lock()

    async def current(self) -> ParserRegistry:
        async with self._lock:
            if await self._store.generation() != self._generation:
                await self._renew()
            return self._registry

    async def of_label(self, label: str) -> Parser:
        built_in = ParserRegistry().of_label(label)
        if built_in is not None:
            return built_in
        async with self._lock:
            if label not in self._loaded:
                self._loaded[label] = await self._load(await self._known(label))
            return self._loaded[label]

    async def _renew(self) -> None:
        chosen = await self._store.chosen(ModuleKind.PARSER)
        modules: dict[str, Parser] = {}
        for module in chosen.active:
            label = module.key.label
            if label not in self._loaded:
                self._loaded[label] = await self._load(module)
            modules[module.key.name] = self._loaded[label]
        self._registry = ParserRegistry(modules=modules, disabled=chosen.disabled)
        self._generation = chosen.generation
        log.info("parsers_renewed", generation=self._generation, modules=sorted(modules))

    async def _known(self, label: str) -> Module:
        name, _, version = label.partition("/")
        try:
            return await self._store.get(ModuleKey(ModuleKind.PARSER, name, version))
        except NotFoundError as error:
            raise gone(label) from error

    async def _load(self, module: Module) -> Parser:
        """Raises ``ModuleUnavailableError``, after it was written down for the administrator."""
        try:
            return await asyncio.to_thread(_loaded, module, self._files)
        except (HeadraceError, OSError) as error:
            message = error.message if isinstance(error, HeadraceError) else str(error)
            log.error("module_not_loaded", module=module.key.label, error=message)
            await self._store.note_error(module.key, message)
            raise ModuleUnavailableError(message, module=module.key.label) from error


def _loaded(module: Module, files: ModuleFiles) -> Parser:
    parser: Any = load_object(module.locator, files.directory_of(module))
    if label_of(parser) != module.key.label:
        raise RequestError(
            f"{module.locator} calls itself {label_of(parser)} now, not {module.key.label}: "
            "install that version again, or add the new one"
        )
    loaded: Parser = parser
    return loaded
