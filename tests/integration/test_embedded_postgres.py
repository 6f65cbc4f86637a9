"""The embedded PostgreSQL: starting, adopting, dying, coming back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from actors.adapters.postgres.migrate import migrate, migrations
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.adapters.postgres.store import PostgresMetadataStore
from domain.errors import StoreUnavailableError
from tests.store_builders import an_upload

pytestmark = pytest.mark.slow


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Outside pytest's directories, which every run of pytest as root closes to others."""
    with tempfile.TemporaryDirectory(prefix="headrace-") as directory:
        yield Path(directory)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    yield server
    server.stop()


async def value_of(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_the_server_is_durable_and_speaks_utc(server: EmbeddedPostgres) -> None:
    shown = [await value_of(server.dsn, f"SHOW {name}") for name in ("fsync", "timezone")]
    assert shown == ["on", "UTC"]


async def test_the_server_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from actors.adapters.postgres.server import EmbeddedPostgres\n"
        f"EmbeddedPostgres(Path({str(tmp_path)!r})).start()\n"
    )
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2]
    )
    adopted = EmbeddedPostgres(tmp_path)
    pid = adopted.pid
    try:
        assert pid is not None
        assert await value_of(adopted.start(), "SELECT 1") == 1
        assert adopted.pid == pid
    finally:
        adopted.stop()
    assert not adopted.is_running()


async def test_stopping_twice_and_starting_again_keeps_the_data(server: EmbeddedPostgres) -> None:
    await value_of(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    server.stop()
    assert await value_of(server.start(), "SELECT answer FROM kept") == 42


async def test_a_killed_server_comes_back_under_the_same_dsn(server: EmbeddedPostgres) -> None:
    await value_of(server.dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    before, pid = server.dsn, server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert server.start() == before
    assert await value_of(before, "SELECT answer FROM kept") == 42


async def test_a_pid_file_that_names_another_program_is_no_obstacle(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    server.stop()
    pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n5432\n\n\n\n")
    assert not server.is_running()
    assert await value_of(server.start(), "SELECT 1") == 1


async def test_servers_of_two_directories_run_side_by_side(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    other = EmbeddedPostgres(tmp_path / "deep" / ("x" * 120))
    try:
        assert await value_of(other.start(), "SELECT 1") == 1
        assert await value_of(server.dsn, "SELECT 1") == 1
    finally:
        other.stop()


def test_a_start_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(tmp_path)
    server.start()
    server.stop()


def test_data_of_another_version_are_refused_with_a_sentence(tmp_path: Path) -> None:
    cluster = tmp_path / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(StoreUnavailableError, match="made by PostgreSQL 14"):
        EmbeddedPostgres(tmp_path).start()


async def test_processes_may_migrate_at_once(server: EmbeddedPostgres) -> None:
    await asyncio.gather(*(migrate(server.dsn) for _ in range(3)))
    applied = await value_of(server.dsn, "SELECT count(*) FROM schema_migrations")
    assert applied == len(migrations())


async def test_an_open_store_survives_the_death_of_the_server(server: EmbeddedPostgres) -> None:
    await migrate(server.dsn)
    store = await PostgresMetadataStore.open(
        server.dsn, pool_max_size=3, statement_timeout_seconds=10
    )
    kept = await store.files.create(an_upload())
    await store.events.wait(timeout_seconds=5)
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    postmaster.kill()
    psutil.wait_procs([postmaster], timeout=10)
    with pytest.raises(StoreUnavailableError):
        await store.ping()
    server.start()
    assert (await store.files.get(kept.file_id)).file == kept
    await store.events.wait(timeout_seconds=10)
    waiting = asyncio.create_task(store.events.wait(timeout_seconds=60))
    await store.files.create(an_upload())
    async with asyncio.timeout(20):
        await waiting
    await store.close()
