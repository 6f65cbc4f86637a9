"""``python -m benchmarks.moving DIR [--to cluster]``: 50,000 made-up records migrate.

In the empty directory DIR it fills a data directory (real PostgreSQL and a real index, vectors
by hashes), moves it by ``headrace migrate``, killing that twice on the way, backs the target up and
restores that into a third place. Both are compared with the source: contents, and the answers to 50
questions.

The target is another data directory, or with ``--to cluster`` the stores that the environment names
(``HEADRACE_POSTGRES__DSN``, ``HEADRACE_WEAVIATE__…``, …), in a place of its own on each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from actors.adapters.postgres.migrate import migrate
from actors.bootstrap import open_services
from actors.settings import FileSettings, Profile, Settings
from benchmarks.moved_answers import compared, seen
from benchmarks.moved_files import days, table_of
from domain.models.files import ImportOptions
from serve_app.moved_stores import dsn_of, stores_to_read
from tests.builders import slack_export
from tests.integration.pipelines.conftest import ImportSide
from tests.own_places import described, own_places

KILL_SHARE = 10
"""``migrate`` is killed among the tables, and again once a tenth of the chunks is there."""

NOT_OF_THE_STORES = ("HEADRACE_DATA_DIR", "HEADRACE_URL", "HEADRACE_PROFILE", "HEADRACE_TEST_")


@dataclass(frozen=True, slots=True)
class Side:
    """Stores: a profile, and the file with its settings."""

    profile: Profile
    env_file: Path

    @classmethod
    def made(cls, root: Path, name: str, profile: Profile, stores: Mapping[str, str]) -> Side:
        """A data directory of that name, and the stores that variables name."""
        variables = {
            **stores,
            "HEADRACE_DATA_DIR": str(root / name),
            "HEADRACE_EMBEDDER__BACKEND": "hash",
            "HEADRACE_LOG__LEVEL": "warning",
        }
        env_file = root / f"{name}.env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{key}={value}\n" for key, value in variables.items()))
        return cls(profile, env_file)

    @property
    def settings(self) -> Settings:
        return FileSettings.read(self.env_file, profile=self.profile)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--to", choices=list(Profile), default=Profile.EMBEDDED)
    arguments = parser.parse_args()
    root = arguments.directory.absolute()
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stores: dict[str, str] = {}
        if arguments.to == Profile.CLUSTER:
            stores = {
                **named_stores(),
                **stack.enter_context(own_places(Settings(profile=Profile.CLUSTER))),
            }
        old, restored = (Side.made(root, one, Profile.EMBEDDED, {}) for one in ("old", "restored"))
        new = Side.made(root, "new", Profile(arguments.to), stores)
        run(old, new, restored, root, arguments.records)


def named_stores() -> dict[str, str]:
    """What the environment says about the stores."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("HEADRACE_") and not name.startswith(NOT_OF_THE_STORES)
    }


def run(old: Side, new: Side, restored: Side, root: Path, records: int) -> None:
    print(f"from {described(old.settings)}\nto {described(new.settings)}", flush=True)
    timed("import", lambda: asyncio.run(fill(old.settings, records)))
    for kill_at in (("tables", 0), ("chunks", records // KILL_SHARE)):
        timed(f"migrate, killed at {kill_at[0]}", partial(move_killed, old, new, kill_at))
    timed("migrate", lambda: command(old, *moving(old, new)))
    timed("backup of the target", lambda: command(new, "backup", str(root / "backup")))
    timed("restore", lambda: command(restored, "restore", str(root / "backup")))
    expected = asyncio.run(seen(old.settings, records))
    for name, side in (("migrated", new), ("backed up from there and restored", restored)):
        for sentence in compared(asyncio.run(seen(side.settings, records)), expected):
            print(f"{name}: {sentence}", flush=True)


def timed(what: str, run: Any) -> None:
    began = time.monotonic()
    result = run()
    print(f"{what}: {time.monotonic() - began:.1f} s {result or ''}", flush=True)


async def fill(settings: Settings, records: int) -> str:
    """Import half of the records as a table, half as conversations."""
    chance, half = random.Random(1), records // 2
    async with stores_to_read(settings) as running:
        await migrate(dsn_of(running))
        async with open_services(running) as services:
            side = ImportSide(
                services.metadata,
                services.objects,
                services.index,
                services.embedder,  # type: ignore[arg-type]
                slice_bytes=4 << 20,
                batch_records=1_000,
            )
            async with side.conducted():
                table = await side.upload(
                    "rows.csv", table_of(half, chance), ImportOptions(id_column="id")
                )
                export = await side.upload(
                    "export.zip", slack_export(days(half, chance, first=half))
                )
                for file_id in (table, export):
                    await finished(side, file_id)
            await services.index.optimize()
            return f"{await services.metadata.records.count():,} records, " + (
                f"{await services.index.count():,} chunks"
            )


async def finished(side: ImportSide, file_id: Any) -> None:
    while (await side.metadata.files.get(file_id)).file.completed_at is None:
        await side.metadata.events.wait(timeout_seconds=0.5)


def moving(old: Side, new: Side) -> tuple[str, ...]:
    return (
        *("migrate", "--from", old.profile, "--from-env", str(old.env_file)),
        *("--to", new.profile, "--to-env", str(new.env_file)),
    )


def move_killed(old: Side, new: Side, kill_at: tuple[str, int]) -> str:
    """Run ``headrace migrate``, and kill it at that step and count; PostgreSQL survives it."""
    step, count = kill_at
    with start(old, *moving(old, new)) as process:
        for line in progress_of(process):
            if line[0] == step and line[1] >= count:
                process.kill()
                return f"at {line[1]:,}"
    raise SystemExit("migrate ended before it was killed")


def start(side: Side, *arguments: str) -> subprocess.Popen[str]:
    """A command whose environment names these stores and no others."""
    others = {name: value for name, value in os.environ.items() if "HEADRACE_" not in name}
    lines = [line.partition("=") for line in side.env_file.read_text().splitlines()]
    return subprocess.Popen(
        [sys.executable, "-m", "serve_app.cli", *arguments],
        env={
            **others,
            **{name: value for name, _, value in lines},
            "HEADRACE_PROFILE": side.profile,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def progress_of(process: subprocess.Popen[str]) -> Iterator[tuple[str, int]]:
    """Each step that is named on standard error, and how far it is."""
    assert process.stderr is not None
    for line in process.stderr:
        words = line.split()
        if words:
            done = words[-1].partition("/")[0].replace(",", "")
            yield words[0], int(done) if done.isdecimal() else 0


def command(side: Side, *arguments: str) -> str:
    """Run a command to its end; returns what it has printed, in short."""
    with start(side, *arguments, "--json") as process:
        printed, said = process.communicate()
    if process.returncode:
        raise SystemExit(printed + said)
    return json.dumps(json.loads(printed))


if __name__ == "__main__":
    main()
