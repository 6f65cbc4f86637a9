"""The truth about modules: which are known, which are in use, and what was in use before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.models.modules import (
    Activation,
    ChosenModules,
    Module,
    ModuleKey,
    ModuleKind,
    NewModule,
)


class ModuleStore(Protocol):
    """Every change is one transaction, and changes come one after the other."""

    async def put(self, module: NewModule) -> Module:
        """Keep a module: ``validated`` without an error, else ``added``.

        The same code again takes over the new checks and keeps its state if it was in use. Other
        code takes the place of a version that never passed its self-test.

        Raises:
            ConflictError: this version is known with other code.
        """
        ...

    async def get(self, key: ModuleKey) -> Module:
        """Raises ``NotFoundError``."""
        ...

    async def list(self) -> Sequence[Module]:
        """All, by kind, name and time of adding."""
        ...

    async def activate(self, key: ModuleKey) -> Activation:
        """Use the version for new work from now on; a repeat changes nothing.

        Raises:
            NotFoundError: no such module.
            ConflictError: it has not passed its self-test.
        """
        ...

    async def activate_built_in(self, kind: ModuleKind, name: str) -> Activation:
        """Use no module of the name from now on, but what is built in."""
        ...

    async def rollback(self, kind: ModuleKind, name: str) -> Activation:
        """Use what was in use before the present activation. Repeated, it goes on back.

        Raises:
            ConflictError: nothing was in use before.
        """
        ...

    async def disable(self, kind: ModuleKind, name: str) -> Activation:
        """Use nothing under the name from now on; ``rollback`` undoes it."""
        ...

    async def history(self, kind: ModuleKind, name: str, *, limit: int) -> Sequence[Activation]:
        """The newest first."""
        ...

    async def generation(self) -> int:
        """A number that grows with every activation, rollback and disabling; cheap to ask."""
        ...

    async def chosen(self, kind: ModuleKind) -> ChosenModules:
        """What is in use now."""
        ...

    async def note_error(self, key: ModuleKey, error: str) -> None:
        """Show that a module in use cannot be loaded."""
        ...
