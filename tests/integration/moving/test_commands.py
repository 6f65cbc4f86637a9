"""``backup``, ``restore`` and ``migrate`` on data directories, as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.bootstrap import open_services
from actors.settings import Settings
from serve_app.cli import main
from serve_app.moved_stores import dsn_of, stores_to_read
from serve_app.run_state import RunDirectory
from tests.integration.moving.sides import filled
from tests.integration.pipelines.conftest import ImportSide


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Commands set up logging for the whole process; let it be as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def data_dirs(own_logging: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where data directories lie; ``a`` is the environment's."""
    with tempfile.TemporaryDirectory(prefix="headrace-move-") as name:
        root = Path(name)
        monkeypatch.setenv("HEADRACE_DATA_DIR", str(root / "a"))
        monkeypatch.setenv("HEADRACE_EMBEDDER__BACKEND", "hash")
        monkeypatch.setenv("HEADRACE_LOG__LEVEL", "warning")
        yield root
        for directory in root.iterdir():
            if (directory / "postgres").exists():
                EmbeddedPostgres(directory).stop()


async def fill(settings: Settings) -> None:
    """Import into a data directory; its PostgreSQL runs on."""
    EmbeddedPostgres(settings.data_dir).start()
    async with stores_to_read(settings) as running:
        await migrate(dsn_of(running))
        async with open_services(running) as services:
            await filled(ImportSide(services.metadata, services.objects, services.index))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command prints as JSON."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--json"])
    assert exit_.value.code == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that fails prints beside its result."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 1
    return capsys.readouterr().err


@pytest.mark.slow
def test_a_data_directory_is_backed_up_restored_and_migrated(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(Settings()))
    made = run(capsys, "backup", str(data_dirs / "backup"))
    assert (made["vectors"], made["objects"], made["lost_files"]) == (107, 3, [])

    restored = run(capsys, "restore", str(data_dirs / "backup"), "--data-dir", str(data_dirs / "b"))
    assert (restored["ok"], restored["chunks"], restored["embedded"]) == (True, 107, 0)

    env = env_file(
        data_dirs, f"HEADRACE_DATA_DIR={data_dirs / 'c'}", "HEADRACE_EMBEDDER__BACKEND=hash"
    )
    sides = ("--from", "embedded", "--to", "embedded", "--to-env", str(env))
    moved = run(capsys, "migrate", *sides, "--data-dir", str(data_dirs / "b"))
    assert (moved["ok"], moved["chunks"], moved["embedded"]) == (True, 107, 0)

    running = [EmbeddedPostgres(data_dirs / name).is_running() for name in "abc"]
    assert running == [True, False, False]


def test_a_move_onto_itself_is_refused(data_dirs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "migrate", "--from", "embedded", "--to", "embedded")
    assert "the same stores" in said


def test_stores_that_a_service_holds_are_refused(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data_dirs / "a" / "postgres" / "cluster").mkdir(parents=True)
    env = env_file(data_dirs, f"HEADRACE_DATA_DIR={data_dirs / 'c'}")
    sides = ("migrate", "--from", "embedded", "--to", "embedded", "--to-env", str(env))
    with RunDirectory(data_dirs / "a").lock():
        assert "headrace down" in refused(capsys, *sides)


def test_a_directory_without_stores_is_not_backed_up(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there are no stores in" in refused(capsys, "backup", str(data_dirs / "backup"))
    assert not (data_dirs / "backup").exists()


def test_a_cluster_profile_without_a_database_says_what_is_missing(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = env_file(data_dirs, "HEADRACE_EMBEDDER__BACKEND=hash")
    sides = ("migrate", "--from", "embedded", "--to", "cluster", "--to-env", str(env))
    assert "HEADRACE_POSTGRES__DSN" in refused(capsys, *sides)


def test_a_file_of_settings_names_the_variable_that_is_wrong(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = env_file(data_dirs, "HEADRACE_POSTGRES__POOL_MAX_SIZE=none")
    with pytest.raises(SystemExit):
        main(["migrate", "--from", "embedded", "--to", "cluster", "--to-env", str(env)])
    assert "HEADRACE_POSTGRES__POOL_MAX_SIZE" in capsys.readouterr().err


def test_a_setting_in_a_file_that_does_not_exist_is_a_mistake(
    data_dirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    env = env_file(data_dirs, "HEADRACE_POSTGRESS__DSN=postgresql://host/db")
    with pytest.raises(SystemExit):
        main(["migrate", "--from", "embedded", "--to", "cluster", "--to-env", str(env)])
    assert "HEADRACE_POSTGRESS" in capsys.readouterr().err


def env_file(directory: Path, *lines: str) -> Path:
    path = directory / "target.env"
    path.write_text("\n".join(["OTHER=ignored", *lines]))
    return path
