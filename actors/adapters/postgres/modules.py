"""Modules and their activations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from actors.adapters.postgres import module_sql as sql
from actors.adapters.postgres.database import Connection, Database, Row
from actors.adapters.postgres.text import json_text, storable
from domain.errors import ConflictError, NotFoundError
from domain.models.modules import (
    Activation,
    Check,
    ChosenModules,
    Module,
    ModuleKey,
    ModuleKind,
    ModuleState,
    NewModule,
    Step,
)


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be in use, and the activation that a rollback would lead back to."""

    version: str | None
    is_disabled: bool
    step: Step
    replaced: int | None


class PostgresModuleStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, module: NewModule) -> Module:
        row = await self._database.fetchrow(
            sql.PUT,
            *_key(module.key),
            module.locator,
            storable(module.wheel),
            module.sha256,
            json_text([asdict(check) for check in module.checks]),
            storable(module.error),
        )
        if row is None:
            raise ConflictError(
                f"{module.key.label} is known with other code: give the new one a higher version",
                name=module.key.name,
                version=module.key.version,
            )
        return _module(row)

    async def get(self, key: ModuleKey) -> Module:
        row = await self._database.fetchrow(sql.GET, *_key(key))
        if row is None:
            raise _not_found(key)
        return _module(row)

    async def list(self) -> Sequence[Module]:
        return [_module(row) for row in await self._database.fetch(sql.LIST)]

    async def activate(self, key: ModuleKey) -> Activation:
        async with self._changing() as connection:
            row = await connection.fetchrow(sql.GET, *_key(key))
            if row is None:
                raise _not_found(key)
            if row["state"] == ModuleState.ADDED:
                raise ConflictError(
                    f"{key.label} has not passed its self-test: {row['error']}",
                    name=key.name,
                    version=key.version,
                )
            return await _use(connection, key.kind, key.name, key.version)

    async def activate_built_in(self, kind: ModuleKind, name: str) -> Activation:
        async with self._changing() as connection:
            return await _use(connection, kind, name, None)

    async def rollback(self, kind: ModuleKind, name: str) -> Activation:
        async with self._changing() as connection:
            present = await connection.fetchrow(sql.PRESENT, kind, name)
            if present is None or _is_origin(present):
                raise ConflictError(f"nothing was in use for {name} before this", name=name)
            before = await connection.fetchrow(sql.ACTIVATION, present["replaced"])
            change = _Change(
                version=before["version"] if before else None,
                is_disabled=before["is_disabled"] if before else False,
                step=Step.ROLLED_BACK,
                replaced=before["replaced"] if before else None,
            )
            return await _change(connection, kind, name, change)

    async def disable(self, kind: ModuleKind, name: str) -> Activation:
        async with self._changing() as connection:
            present = await connection.fetchrow(sql.PRESENT, kind, name)
            if present is not None and present["is_disabled"]:
                return _activation(present)
            replaced = present["id"] if present else None
            change = _Change(None, True, Step.DISABLED, replaced)
            return await _change(connection, kind, name, change)

    async def history(self, kind: ModuleKind, name: str, *, limit: int) -> Sequence[Activation]:
        rows = await self._database.fetch(sql.HISTORY, kind, name, limit)
        return [_activation(row) for row in rows]

    async def generation(self) -> int:
        return int(await self._database.fetchval(sql.GENERATION))

    async def chosen(self, kind: ModuleKind) -> ChosenModules:
        async with self._database.snapshot() as connection:
            generation = await connection.fetchval(sql.GENERATION)
            active = await connection.fetch(sql.ACTIVE, kind)
            disabled = await connection.fetch(sql.DISABLED, kind)
        return ChosenModules(
            generation=int(generation),
            active=[_module(row) for row in active],
            disabled=frozenset(row["name"] for row in disabled),
        )

    async def note_error(self, key: ModuleKey, error: str) -> None:
        await self._database.fetch(sql.NOTE_ERROR, *_key(key), storable(error))

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Connection]:
        """A transaction in which nobody else changes what is in use."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.LOCK)
            yield connection


async def _use(
    connection: Connection, kind: ModuleKind, name: str, version: str | None
) -> Activation:
    present = await connection.fetchrow(sql.PRESENT, kind, name)
    if present is not None and not present["is_disabled"] and present["version"] == version:
        return _activation(present)
    replaced = present["id"] if present else None
    return await _change(connection, kind, name, _Change(version, False, Step.ACTIVATED, replaced))


async def _change(
    connection: Connection, kind: ModuleKind, name: str, change: _Change
) -> Activation:
    left = ModuleState.DISABLED if change.is_disabled else ModuleState.VALIDATED
    await connection.execute(sql.RETIRE, kind, name, left)
    if change.version is not None:
        await connection.execute(sql.PROMOTE, kind, name, change.version)
    row = await connection.fetchrow(
        sql.ADD_ACTIVATION,
        kind,
        name,
        change.version,
        change.is_disabled,
        change.step,
        change.replaced,
    )
    assert row is not None
    return _activation(row)


def _is_origin(row: Row) -> bool:
    """Whether the name is as if no module had ever been used."""
    return row["version"] is None and not row["is_disabled"] and row["replaced"] is None


def _key(key: ModuleKey) -> tuple[Any, ...]:
    return key.kind, key.name, key.version


def _module(row: Row) -> Module:
    return Module(
        key=ModuleKey(ModuleKind(row["kind"]), row["name"], row["version"]),
        locator=row["locator"],
        state=ModuleState(row["state"]),
        checks=tuple(Check(**check) for check in row["checks"]),
        sha256=row["sha256"],
        wheel=row["wheel"],
        error=row["error"],
        added_at=row["added_at"],
        validated_at=row["validated_at"],
        activated_at=row["activated_at"],
    )


def _activation(row: Row) -> Activation:
    return Activation(
        kind=ModuleKind(row["kind"]),
        name=row["name"],
        version=row["version"],
        is_disabled=row["is_disabled"],
        step=Step(row["step"]),
        at=row["created_at"],
    )


def _not_found(key: ModuleKey) -> NotFoundError:
    return NotFoundError(
        f"no {key.kind} {key.label} is known; see 'headrace modules list'",
        name=key.name,
        version=key.version,
    )
