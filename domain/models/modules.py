"""Modules: versions of parsers and storages that can be swapped while the service runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ModuleKind(StrEnum):
    PARSER = "parser"
    STORAGE = "storage"


class ModuleState(StrEnum):
    ADDED = "added"
    """Known, but its self-test was not passed: it cannot be activated."""
    VALIDATED = "validated"
    """Passed its self-test: it may be activated, also again."""
    ACTIVE = "active"
    """Chosen for new work."""
    DISABLED = "disabled"
    """Was active and has been taken out of use; nothing takes its place."""


@dataclass(frozen=True, slots=True)
class ModuleKey:
    kind: ModuleKind
    name: str
    version: str

    @property
    def label(self) -> str:
        """How records and files name the parser that read them."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a self-test looked at; ``detail`` says what was wrong, or what was seen."""

    name: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NewModule:
    """A module as it was found: its code's place, and what its self-test saw.

    ``locator`` is ``package.module:ClassName``. ``sha256`` and ``wheel`` (a file name) are those
    of the wheel that brought it; a module that is installed beside the service has neither.
    """

    key: ModuleKey
    locator: str
    checks: Sequence[Check]
    sha256: str | None = None
    wheel: str | None = None

    @property
    def error(self) -> str | None:
        """Why it may not be activated."""
        if not self.checks:
            return "no self-test has run: add it again with a sample file"
        failed = [check for check in self.checks if not check.ok]
        return "; ".join(f"{check.name}: {check.detail}" for check in failed) or None


@dataclass(frozen=True, slots=True)
class Module:
    """A module as the store keeps it."""

    key: ModuleKey
    locator: str
    state: ModuleState
    checks: Sequence[Check] = ()
    sha256: str | None = None
    wheel: str | None = None
    error: str | None = None
    added_at: datetime | None = None
    validated_at: datetime | None = None
    activated_at: datetime | None = None
    is_built_in: bool = False


class Step(StrEnum):
    """How an activation came about."""

    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Activation:
    """What is used for new work under a name from ``at`` on.

    Without a ``version`` that is the built-in, if there is one; when ``is_disabled`` it is nothing.
    """

    kind: ModuleKind
    name: str
    version: str | None
    is_disabled: bool
    step: Step
    at: datetime


@dataclass(frozen=True, slots=True)
class ChosenModules:
    """What is in use at one moment, besides the built-ins. ``generation`` moves with any change."""

    generation: int
    active: Sequence[Module]
    disabled: frozenset[str]
    """Names, of the asked kind."""
