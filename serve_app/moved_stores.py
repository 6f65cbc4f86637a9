"""Stores as moves and backups need them: their PostgreSQL runs, and nobody disturbs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from pydantic import SecretStr

from actors.adapters.postgres.long_connection import refuse_services
from actors.settings import Settings
from domain.errors import ConflictError, NotFoundError
from serve_app.launcher import live_state
from serve_app.run_state import RunDirectory
from serve_app.supervisor import embedded_postgres


@asynccontextmanager
async def stores_at_rest(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with a DSN that answers, while no service runs on the stores.

    On a data directory none can start meanwhile, and its PostgreSQL is stopped afterwards.

    Raises:
        ConflictError: a service runs.
        StoreUnavailableError: PostgreSQL does not start, or gives no answer.
    """
    async with AsyncExitStack() as stack:
        if settings.postgres.dsn is None:
            stack.enter_context(_held(settings.data_dir))
            settings = await stack.enter_async_context(_started(settings))
        await refuse_services(dsn_of(settings), name_of(settings))
        yield settings


@asynccontextmanager
async def stores_to_read(settings: Settings) -> AsyncIterator[Settings]:
    """The same beside a running service; where none runs, none can start meanwhile."""
    if settings.postgres.dsn is not None:
        yield settings
    elif embedded_postgres(settings).is_running():
        dsn = await asyncio.to_thread(embedded_postgres(settings).start)
        yield _with_dsn(settings, dsn)
    else:
        async with stores_at_rest(settings) as resting:
            yield resting


@asynccontextmanager
async def _started(settings: Settings) -> AsyncIterator[Settings]:
    server = embedded_postgres(settings)
    try:
        yield _with_dsn(settings, await asyncio.to_thread(server.start))
    finally:
        await asyncio.to_thread(server.stop)


def _with_dsn(settings: Settings, dsn: str) -> Settings:
    postgres = settings.postgres.model_copy(update={"dsn": SecretStr(dsn)})
    return settings.model_copy(update={"postgres": postgres})


def dsn_of(settings: Settings) -> str:
    """The DSN of settings that name one, past a pooler if there is one."""
    dsn = settings.postgres.direct_dsn or settings.postgres.dsn
    assert dsn is not None
    return dsn.get_secret_value()


def name_of(settings: Settings) -> str:
    """What the stores are called in messages; DSNs hold passwords."""
    return f"the {settings.profile} stores of {settings.data_dir}"


def refuse_nameless(settings: Settings) -> None:
    """Raises ``ConflictError`` if the settings need a store and do not name it."""
    if missing := settings.missing():
        raise ConflictError(missing)


def refuse_absent(settings: Settings) -> None:
    """Raises ``NotFoundError`` if nothing was ever stored in the data directory."""
    directory = settings.data_dir
    if settings.postgres.dsn is None and not (directory / "postgres" / "cluster").exists():
        raise NotFoundError(
            f"there are no stores in {directory}: name the data directory with --data-dir"
        )


@contextmanager
def _held(data_dir: Path) -> Iterator[None]:
    """Let no service run on the data directory, or start.

    Raises:
        ConflictError: one runs.
    """
    running = ConflictError(
        f"the service of {data_dir} runs: stop it with 'headrace down', then try again"
    )
    if live_state(data_dir) is not None:
        raise running
    with ExitStack() as stack:
        try:
            stack.enter_context(RunDirectory(data_dir).lock())
        except ConflictError as error:
            raise running from error
        yield
