"""``python -m tests.chaos.crowd``: many clients upload small files while the worker keeps dying."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.chaos.fault import kill_one, parts
from tests.chaos.load import put, rows_of
from tests.chaos.run import reckon
from tests.chaos.world import World, running_world

FILES, CLIENTS, ROWS = 1_000, 50, 10
KILL_EVERY_SECONDS = 5.0


def crowd(world: World, *, files: int, clients: int) -> tuple[list[str], int]:
    """What is wrong in the end, and how often the worker was killed."""
    accepted: dict[str, int] = {}
    done = threading.Event()
    kills = 0

    def upload(number: int) -> None:
        content = rows_of(f"small-{number}", ROWS)
        while not (file_id := put(world, f"small-{number}.ndjson", content)):
            time.sleep(0.2)
        accepted[file_id] = ROWS

    def keep_killing() -> None:
        nonlocal kills
        while not done.wait(KILL_EVERY_SECONDS):
            kill_one(parts("ray::IngestWorkerActor"))(world, Random(kills))
            kills += 1

    killer = threading.Thread(target=keep_killing, daemon=True)
    killer.start()
    try:
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(upload, range(files)))
        print(f"{len(accepted):,} uploaded", flush=True)
        problems = reckon(world, accepted, set(), until_rest=done.set)
    finally:
        done.set()
        killer.join()
    return problems, kills


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.crowd", description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    asked = parser.parse_args()
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="headrace-crowd-") as folder,
        running_world(Path(folder)) as world,
    ):
        problems, kills = crowd(world, files=asked.files, clients=asked.clients)
    seconds = time.monotonic() - started
    print(f"{asked.files:,} files, {asked.clients} clients, {kills} kills, {seconds:.0f} s")
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
