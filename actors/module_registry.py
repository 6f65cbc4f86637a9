"""The registry's actor: a thin shell for what must not happen where requests are answered.

Unpacking and testing a module takes seconds and processes. Everything else is one transaction,
which the asking process makes itself. Who restarts the actor loses nothing.
"""

from __future__ import annotations

from typing import Any

import ray

from actors.bootstrap import open_metadata
from actors.logging import configure_logging
from actors.modules.registry import ModuleRegistry, Offer, open_registry
from actors.namespace import NAMESPACE, ON_FIRST_NODE
from actors.opened_once import OpenedOnce
from actors.settings import Settings
from domain.errors import WorkerUnavailableError
from domain.models.modules import Activation, Module, ModuleKey, ModuleKind
from domain.ports.modules import ModuleStore

ACTOR_NAME = "module_registry"


@ray.remote(num_cpus=0, resources=ON_FIRST_NODE, max_restarts=-1, max_task_retries=0)
class ModuleRegistryActor:
    """Hosts a registry. Made when it is first asked for, since it is seldom needed."""

    def __init__(self, settings: Settings) -> None:
        configure_logging(settings.log)
        self._settings = settings
        self._registry = OpenedOnce(self._open)

    async def _open(self) -> ModuleRegistry:
        return open_registry(self._settings, (await open_metadata(self._settings)).modules)

    async def add(self, offer: Offer) -> Module:
        return await (await self._registry.get()).add(offer)


class ClusterModuleRegistry:
    """``Registry`` beside Ray: changes what is in use itself, and lets the actor add."""

    def __init__(self, settings: Settings, store: ModuleStore) -> None:
        self._settings = settings
        self._here = open_registry(settings, store)

    async def list(self) -> list[Module]:
        return list(await self._here.list())

    async def activate(self, key: ModuleKey) -> Activation:
        return await self._here.activate(key)

    async def rollback(self, kind: ModuleKind, name: str) -> Activation:
        return await self._here.rollback(kind, name)

    async def disable(self, kind: ModuleKind, name: str) -> Activation:
        return await self._here.disable(kind, name)

    async def add(self, offer: Offer) -> Module:
        """As ``Registry.add``. Raises ``WorkerUnavailableError`` while the actor restarts."""
        kind: Any = ModuleRegistryActor
        try:
            actor = kind.options(name=ACTOR_NAME, namespace=NAMESPACE, get_if_exists=True)
            module: Module = await actor.remote(self._settings).add.remote(offer)
            return module
        except ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from error
        except ray.exceptions.RayError as error:
            raise WorkerUnavailableError("the module registry is restarting") from error
