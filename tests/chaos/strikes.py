"""Striking, and watching what becomes of it: one fault after the other, or many at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from tests.chaos.fault import Fault
from tests.chaos.load import Asker, Question, Uploader, ask, is_final, put, rows_of
from tests.chaos.world import World, wait_until_deadline

RECOVERY_SECONDS = 180.0
ALONE_PAUSE_SECONDS = (0.0, 1.0)
OVERLAPPING_PAUSE_SECONDS = (2.0, 5.0)
PROBE_ROWS = 5


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that struck: the seconds until a file uploaded after it was searchable and a
    question answered in full, if that came to pass; what became of questions meanwhile.
    """

    fault: str
    seconds: float
    has_recovered: bool
    asked: int
    unanswered: int
    degraded: int


@dataclass
class Scene:
    """A service at work, and what has been done to it."""

    world: World
    uploader: Uploader
    asker: Asker
    must_fail: set[str] = field(default_factory=set)
    """Files that were damaged before anybody read them."""
    wrong: list[str] = field(default_factory=list)
    """What the service did while it was struck, and should not have done."""
    struck: list[Struck] = field(default_factory=list)
    last_strike: float = 0.0

    def one_by_one(self, faults: Sequence[Fault], random: Random) -> None:
        """Each fault strikes when the service has recovered from the one before.

        The first without recovery is the last.
        """
        for fault in faults:
            time.sleep(random.uniform(*ALONE_PAUSE_SECONDS))
            self._await_possible(fault)
            if not self._strike(fault, _offspring(random)).has_recovered:
                return

    def overlapping(self, faults: Sequence[Fault], random: Random) -> None:
        """A fault strikes some seconds after the last, whether the service has recovered or not,
        as soon as there is something to strike: what is starting is struck, too.
        """
        with ThreadPoolExecutor(max(1, len(faults))) as watchers:
            watched = []
            for fault in faults:
                time.sleep(random.uniform(*OVERLAPPING_PAUSE_SECONDS))
                self._await_possible(fault)
                watched.append(watchers.submit(self._strike, fault, _offspring(random)))
        for one in watched:
            one.result()

    def move_out(self) -> None:
        """Let the service go on with stores outside; nobody uploads or asks meanwhile."""
        workers = (self.uploader, self.asker)
        for worker in workers:
            worker.is_paused = True
        self.world.move_out()
        for worker in workers:
            worker.is_paused = False

    def _await_possible(self, fault: Fault) -> None:
        self.last_strike = time.monotonic()
        if not self._in_time(lambda: fault.is_possible(self.world)):
            raise TimeoutError(f"nothing to strike for: {fault.name}")
        self.last_strike = time.monotonic()

    def _strike(self, fault: Fault, random: Random) -> Struck:
        """Strike, and watch until all is well."""
        at = time.monotonic()
        print(f"     {fault.name} …", flush=True)
        try:
            self.must_fail |= set(fault.strike(self.world, random))
        except AssertionError as error:
            self.wrong.append(f"{fault.name}: {error}")
        has_recovered = self._recovers(f"probe-{random.randrange(10**12)}")
        end = time.monotonic()
        struck = _struck(fault, end - at, has_recovered, self.asker.between(at, end))
        self.struck.append(struck)
        print(f"{len(self.struck):4} {fault.name:32} {struck.seconds:6.1f} s", flush=True)
        return struck

    def _recovers(self, name: str) -> bool:
        """Whether a file that is uploaded now is imported in time, and a question answered in
        full; the time begins anew with every strike.
        """
        content = rows_of(name, PROBE_ROWS)
        probe: str | None = None

        def is_accepted() -> bool:
            nonlocal probe
            probe = put(self.world, f"{name}.ndjson", content)
            return probe is not None

        if not self._in_time(is_accepted):
            return False
        assert probe is not None
        self.uploader.accepted[probe] = PROBE_ROWS
        return self._in_time(lambda: is_final(self.world, probe)) and self._in_time(self._answers)

    def _in_time(self, what: Callable[[], bool]) -> bool:
        return wait_until_deadline(what, lambda: self.last_strike + RECOVERY_SECONDS)

    def _answers(self) -> bool:
        question = ask(self.world, "which pump lost pressure")
        return question.status == 200 and not question.is_degraded


def _struck(
    fault: Fault, seconds: float, has_recovered: bool, questions: Sequence[Question]
) -> Struck:
    return Struck(
        fault.name,
        seconds,
        has_recovered,
        asked=len(questions),
        unanswered=sum(question.status != 200 for question in questions),
        degraded=sum(question.is_degraded for question in questions),
    )


def _offspring(random: Random) -> Random:
    return Random(random.randrange(2**32))
