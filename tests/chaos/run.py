"""One seeded run: a service at work, faults in one of two forms, and the reckoning."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from domain.file_states import FINAL_STATUSES
from domain.models.files import ProcessingStatus
from tests.chaos.fault import Where
from tests.chaos.faults import drawn, missing
from tests.chaos.load import Asker, Uploader
from tests.chaos.strikes import Scene, Struck
from tests.chaos.world import World, running_world, wait_until

END_SECONDS = 900.0
REST_POLL_SECONDS = 1.0


class Form(StrEnum):
    """How faults follow each other."""

    OVERLAPPING = "overlapping"
    ONE_BY_ONE = "one-by-one"


@dataclass
class Outcome:
    """What a run came to; ``problems`` is empty when nothing was lost, doubled or stuck."""

    seed: int
    form: Form
    struck: list[Struck] = field(default_factory=list)
    files: int = 0
    records: int = 0
    asked: int = 0
    unanswered: int = 0
    degraded: int = 0
    sent_again: int = 0
    """Uploads that were refused or cut off, and repeated."""
    missing: list[str] = field(default_factory=list)
    """Faults that could not be had where it ran."""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(seed: int, count: int, form: Form) -> Outcome:
    """Strike ``count`` times. Raises nothing that the service does wrong: see ``problems``."""
    outcome = Outcome(seed, form)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="headrace-chaos-"))
    with running_world(folder) as world:
        uploader = Uploader(world, random=Random(seed + 1))
        asker = Asker(world, random=Random(seed + 2))
        scene = Scene(world, uploader, asker)
        for worker in (uploader, asker):
            worker.start()
        _strike_all(scene, form, count, Random(seed))
        uploader.stop()
        asker.stop()
        outcome.struck = scene.struck
        outcome.missing = missing(world)
        outcome.problems += scene.wrong
        outcome.problems += [
            f"{one.fault}: no recovery" for one in scene.struck if not one.has_recovered
        ]
        outcome.problems += reckon(world, uploader.accepted, scene.must_fail)
        _count(outcome, uploader, asker)
    outcome.seconds = time.monotonic() - started
    if outcome.problems:
        print(f"what is left of the service, its logs among it: {folder}", flush=True)
    else:
        shutil.rmtree(folder)
    return outcome


def _strike_all(scene: Scene, form: Form, count: int, random: Random) -> None:
    """Half of the faults on what is embedded, then half on stores outside."""
    strike = scene.one_by_one if form is Form.ONE_BY_ONE else scene.overlapping
    strike(drawn(scene.world, random, count // 2, where=Where.EMBEDDED), random)
    if not all(struck.has_recovered for struck in scene.struck):
        return
    scene.move_out()
    strike(drawn(scene.world, random, count - count // 2, where=Where.OUTSIDE), random)


def _count(outcome: Outcome, uploader: Uploader, asker: Asker) -> None:
    outcome.files = len(uploader.accepted)
    outcome.records = sum(uploader.accepted.values())
    outcome.sent_again = uploader.refused
    outcome.asked = len(asker.asked)
    outcome.unanswered = sum(question.status != 200 for question in asker.asked)
    outcome.degraded = sum(question.is_degraded for question in asker.asked)


def reckon(
    world: World,
    accepted: dict[str, int],
    must_fail: set[str],
    *,
    until_rest: Callable[[], None] = lambda: None,
) -> list[str]:
    """What is wrong once all has come to rest; ``until_rest`` is called then."""
    wait_until(lambda: _all_rest(world), seconds=END_SECONDS)
    until_rest()
    files = {file["id"]: file for file in world.files()}
    problems = [
        f"file {file_id} was accepted and is not known" for file_id in accepted.keys() - files
    ]
    problems += [
        problem
        for file_id, file in files.items()
        if (problem := _wrong_with(file, accepted.get(file_id), file_id in must_fail))
    ]
    verified = world.run("verify", "--json", timeout=600)
    return problems + ([] if verified.returncode == 0 else [verified.stdout])


def _all_rest(world: World) -> bool:
    time.sleep(REST_POLL_SECONDS)
    return all(file["status"] in FINAL_STATUSES for file in world.files())


def _wrong_with(file: dict[str, object], rows: int | None, must_fail: bool) -> str | None:
    name, status, ledger = file["filename"], file["status"], file["ledger"]
    assert isinstance(ledger, dict)
    if must_fail:
        return None if status == ProcessingStatus.FAILED else f"{name}: {status}, though damaged"
    if status != ProcessingStatus.COMPLETED:
        return f"{name}: {status}: {file['error']}"
    done = ledger["indexed"] + ledger["unchanged"]
    if ledger["read"] != done or (rows is not None and done != rows):
        return f"{name}: {rows} rows, ledger {ledger}"
    return None
