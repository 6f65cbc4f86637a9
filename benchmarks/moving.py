"""``python -m benchmarks.moving DIR``: 50,000 made-up records migrate, killed twice on the way.

In the empty directory DIR it fills a data directory (real PostgreSQL and LanceDB, vectors by
hashes), moves it to another one by ``headrace migrate``, killing that twice, and compares what
both answer to 50 questions. Then it backs up and restores.
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
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from actors.adapters.postgres.migrate import migrate
from actors.adapters.postgres.server import EmbeddedPostgres
from actors.bootstrap import open_services
from actors.settings import EmbedderSettings, Settings
from domain.models.files import ImportOptions
from domain.models.search import Match, SearchFilter
from serve_app.moved_stores import dsn_of, stores_to_read
from tests.builders import slack_export, slack_message
from tests.integration.pipelines.conftest import ImportSide

WORDS = (Path(__file__).parent / "words.txt").read_text("utf-8").split()
MESSAGES_PER_DAY = 20
QUESTIONS = 50
SHOWN = 10
WITH_EQUALS = 40
KILL_SHARE = 10
"""``migrate`` is killed among the tables, and again once a tenth of the chunks is there."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--records", type=int, default=50_000)
    arguments = parser.parse_args()
    root = arguments.directory.absolute()
    root.mkdir(parents=True, exist_ok=True)
    old, new, third = (settings_in(root / name) for name in ("old", "new", "restored"))
    timed("import", lambda: asyncio.run(fill(old, arguments.records)))
    for kill_at in (("tables", 0), ("chunks", arguments.records // KILL_SHARE)):
        timed(f"migrate, killed at {kill_at[0]}", partial(move, old, new, root, kill_at=kill_at))
    timed("migrate", lambda: move(old, new, root))
    timed("backup", lambda: command(old, "backup", str(root / "backup")))
    timed("restore", lambda: command(third, "restore", str(root / "backup")))
    expected = asyncio.run(answers(old))
    for name, settings in (("migrated", new), ("restored", third)):
        found = asyncio.run(answers(settings))
        same = sum(mine == theirs for mine, theirs in zip(found, expected, strict=True))
        print(f"{name}: {same} of {len(expected)} answers are identical")


def settings_in(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, embedder=EmbedderSettings(backend="hash"))


def timed(what: str, run: Any) -> None:
    began = time.monotonic()
    result = run()
    print(f"{what}: {time.monotonic() - began:.1f} s {result or ''}", flush=True)


async def fill(settings: Settings, records: int) -> str:
    """Import half of the records as a table, half as conversations."""
    chance = random.Random(1)
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
                    "rows.csv", table_of(records // 2, chance), ImportOptions(id_column="id")
                )
                export = await side.upload("export.zip", slack_export(days(records // 2, chance)))
                for file_id in (table, export):
                    await finished(side, file_id)
            await services.index.optimize()
            return f"{await services.metadata.records.count():,} records, " + (
                f"{await services.index.count():,} chunks"
            )


async def finished(side: ImportSide, file_id: Any) -> None:
    while (await side.metadata.files.get(file_id)).file.completed_at is None:
        await side.metadata.events.wait(timeout_seconds=0.5)


def sentence(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def table_of(rows: int, chance: random.Random) -> bytes:
    lines = ["id,subject,body"]
    lines += [f"{n},{sentence(chance, 4)},{sentence(chance, 25)}" for n in range(rows)]
    return "\n".join(lines).encode()


def days(messages: int, chance: random.Random) -> dict[str, list[dict[str, str]]]:
    """Days of a channel, each with some messages."""
    found = {}
    for day in range(messages // MESSAGES_PER_DAY):
        begins = 1_500_000_000 + 86_400 * day
        name = time.strftime("general/%Y-%m-%d", time.gmtime(begins))
        found[name] = [
            slack_message(sentence(chance, 12), ts=f"{begins + 60 * n}.0")
            for n in range(MESSAGES_PER_DAY)
        ]
    return found


def move(
    old: Settings, new: Settings, root: Path, *, kill_at: tuple[str, int] | None = None
) -> str:
    """Run ``headrace migrate``, and kill it where that is wished; PostgreSQL survives it."""
    env = root / "new.env"
    env.write_text(f"HEADRACE_DATA_DIR={new.data_dir}\nHEADRACE_EMBEDDER__BACKEND=hash\n")
    sides = ("--from", "embedded", "--to", "embedded", "--to-env", str(env))
    if kill_at is None:
        return command(old, "migrate", *sides)
    step, count = kill_at
    with start(old, "migrate", *sides) as process:
        for line in progress_of(process):
            if line[0] == step and line[1] >= count:
                process.kill()
                return f"at {line[1]:,}"
    raise SystemExit("migrate ended before it was killed")


def start(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "HEADRACE_DATA_DIR": str(settings.data_dir),
        "HEADRACE_EMBEDDER__BACKEND": "hash",
        "HEADRACE_LOG__LEVEL": "warning",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "serve_app.cli", *arguments],
        env=environment,
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


def command(settings: Settings, *arguments: str) -> str:
    """Run a command to its end; returns what it has printed, in short."""
    with start(settings, *arguments, "--json") as process:
        printed, said = process.communicate()
    if process.returncode:
        raise SystemExit(said)
    return json.dumps(json.loads(printed))


async def answers(settings: Settings) -> list[list[list[tuple[float, str]]]]:
    """The first ten hits of both legs to each question; of equal scores the least ids."""
    chance = random.Random(2)
    found = []
    dsn = SecretStr(EmbeddedPostgres(settings.data_dir).start())
    named = settings.model_copy(
        update={"postgres": settings.postgres.model_copy(update={"dsn": dsn})}
    )
    async with open_services(named) as services:
        for _ in range(QUESTIONS):
            question = sentence(chance, 4)
            [vector] = services.embedder.embed([question])
            index, everything = services.index, SearchFilter()
            legs = (
                await index.search_keyword(question, limit=WITH_EQUALS, where=everything),
                await index.search_vector(vector, limit=WITH_EQUALS, where=everything),
            )
            found.append([first(leg) for leg in legs])
    EmbeddedPostgres(settings.data_dir).stop()
    return found


def first(leg: Sequence[Match]) -> list[tuple[float, str]]:
    """An index gives hits of equal scores in no particular order."""
    hits = sorted((-round(one.score, 4), str(one.read().chunk_id)) for one in leg)
    return hits[:SHOWN]


if __name__ == "__main__":
    main()
