"""One seeded run: a service at work, faults one after the other, and the reckoning."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from domain.file_states import FINAL_STATUSES
from domain.models.files import ProcessingStatus
from tests.chaos.faults import Fault, drawn
from tests.chaos.load import Asker, Question, Uploader, ask, is_final, put, rows_of
from tests.chaos.world import World, running_world, wait_until

RECOVERY_SECONDS = 180.0
END_SECONDS = 900.0
PROBE_ROWS = 5


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that struck: the seconds until a file uploaded after it was searchable and a
    question answered, if that came to pass; what was asked meanwhile.
    """

    fault: str
    seconds: float
    has_recovered: bool
    questions: Sequence[Question]


@dataclass
class Outcome:
    """What a run came to; ``problems`` is empty when nothing was lost, doubled or stuck."""

    seed: int
    struck: list[Struck] = field(default_factory=list)
    files: int = 0
    records: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(seed: int, count: int) -> Outcome:
    """Strike ``count`` times. Raises nothing that the service does wrong: see ``problems``."""
    outcome = Outcome(seed)
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="headrace-chaos-") as folder,
        running_world(Path(folder)) as world,
    ):
        uploader = Uploader(world, random=Random(seed + 1))
        asker = Asker(world, random=Random(seed + 2))
        for worker in (uploader, asker):
            worker.start()
        must_fail: set[str] = set()
        for number, fault in enumerate(drawn(Random(seed), count), start=1):
            struck, doomed = _strike(world, fault, Random(seed + 1_000 * number), asker, uploader)
            must_fail |= set(doomed)
            outcome.struck.append(struck)
            print(f"{number:4} {fault.name:30} {struck.seconds:6.1f} s", flush=True)
            if not struck.has_recovered:
                outcome.problems.append(f"{fault.name} (number {number}): no recovery")
                break
        uploader.stop()
        asker.stop()
        outcome.problems += reckon(world, uploader.accepted, must_fail)
        outcome.files = len(uploader.accepted)
        outcome.records = sum(uploader.accepted.values())
    outcome.seconds = time.monotonic() - started
    return outcome


def _strike(
    world: World, fault: Fault, random: Random, asker: Asker, uploader: Uploader
) -> tuple[Struck, Sequence[str]]:
    time.sleep(random.uniform(0.0, 1.0))
    at = time.monotonic()
    doomed = fault.strike(world, random)
    has_recovered = _recovers(world, uploader, f"probe-{random.randrange(10**12)}")
    end = time.monotonic()
    return Struck(fault.name, end - at, has_recovered, asker.between(at, end)), doomed


def _recovers(world: World, uploader: Uploader, name: str) -> bool:
    """Whether a file that is uploaded now is imported in time, and a question answered in full."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    content = rows_of(name, PROBE_ROWS)
    probe: str | None = None
    while probe is None and time.monotonic() < deadline:
        probe = put(world, f"{name}.ndjson", content)
        time.sleep(0.05)
    if probe is None:
        return False
    uploader.accepted[probe] = PROBE_ROWS
    return all(
        wait_until(what, seconds=deadline - time.monotonic())
        for what in (lambda: is_final(world, probe), lambda: _answers(world))
    )


def _answers(world: World) -> bool:
    question = ask(world, "which pump lost pressure")
    return question.status == 200 and not question.is_degraded


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
    time.sleep(1.0)
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
