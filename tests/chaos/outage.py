"""``python -m tests.chaos.outage``: what it costs when a store is away for two minutes.

A service imports files and answers questions while the server of one store is stopped and started
again; its metrics are sampled. The service uses the stores that the environment names, as
``headrace up`` would, on each in a place of its own. ``HEADRACE_CHAOS_START`` is the command that
runs the server to be stopped, in the foreground.

The status is 0 if no question failed, the breakers opened, half-opened and closed, the import went
on by itself, every accepted file ended with a ledger that adds up, and ``headrace verify`` found
nothing.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from urllib.parse import urlsplit

from actors.settings import Settings
from tests.chaos.load import Asker, Question, Uploader
from tests.chaos.metrics import Watch
from tests.chaos.run import reckon
from tests.chaos.server import Server, running_server
from tests.chaos.world import World, running_world, wait_until
from tests.own_places import described, own_places

START = "HEADRACE_CHAOS_START"
LARGE_ROWS = 12_000
STORED_BEFORE = 2_000
"""The store goes when so many chunks are stored: in the middle of the large file."""

BUSY_SECONDS, RECOVERY_SECONDS, AFTER_SECONDS = 300.0, 300.0, 15.0
LINE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Absence:
    """What is expected while a store is away: the breakers that open, degraded answers or not.

    ``is_probe_slow``: a probe lasts long enough for samples to show the breaker half-open.
    """

    breakers: Sequence[str]
    is_degraded: bool
    is_probe_slow: bool = True


ABSENCES = {
    "index": Absence(("index", "index_writes"), is_degraded=True),
    "postgres": Absence(("postgres",), is_degraded=True, is_probe_slow=False),
    "objects": Absence(("objects",), is_degraded=False),
}


@dataclass
class Moments:
    """When what happened (monotonic seconds)."""

    stopping: float = 0.0
    away: float = 0.0
    starting: float = 0.0
    back: float = 0.0
    recovered: float = 0.0
    end: float = 0.0


@dataclass
class Outage:
    """One store of a service goes away and comes back, with people at work."""

    world: World
    server: Server
    store: str
    seconds: float
    how: signal.Signals
    at: Moments = field(default_factory=Moments)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = Watch(self.world)
        self.asker = Asker(self.world, random=Random(1))
        self.uploader = Uploader(self.world, random=Random(2))
        self.expected = ABSENCES[self.store]

    def run(self) -> list[str]:
        """What was not as it should be; everything that was seen is printed."""
        workers = (self.watch, self.asker, self.uploader)
        for worker in workers:
            worker.start()
        self._get_busy()
        self._go_away()
        self._come_back()
        for worker in reversed(workers):
            worker.stop()
        self.problems += [*self._wrong_answers(), *self._wrong_breakers(), *self._wrong_import()]
        self._print_phases()
        self.problems += reckon(self.world, self.uploader.accepted, set())
        print(f"{len(self.uploader.accepted)} files, {self._rows():,} rows accepted", flush=True)
        return self.problems

    def _get_busy(self) -> None:
        self.uploader.upload("large", LARGE_ROWS)
        if not wait_until(lambda: self._stored() >= STORED_BEFORE, seconds=BUSY_SECONDS):
            self.problems.append(f"only {self._stored()} chunks stored before the outage")

    def _go_away(self) -> None:
        self.at.stopping = time.monotonic()
        self.server.stop(self.how)
        self.at.away = time.monotonic()
        self._say(f"{self.store} is stopped by {self.how.name}")
        self._follow(until=self.at.away + self.seconds)

    def _come_back(self) -> None:
        self.at.starting = time.monotonic()
        self.server.start()
        self.at.back = time.monotonic()
        self._say(f"{self.store} listens again")
        if not wait_until(self._is_well, seconds=RECOVERY_SECONDS):
            self.problems.append(f"no recovery in {RECOVERY_SECONDS:.0f} s")
        self.at.recovered = time.monotonic()
        self._say("breakers closed, answers in full, chunks are stored again")
        self._follow(until=self.at.recovered + AFTER_SECONDS)
        self.at.end = time.monotonic()

    def _is_well(self) -> bool:
        """Whether all is as before, and the import has gone on."""
        asked = self.asker.asked
        return (
            bool(self.watch.samples and asked)
            and set(self.watch.samples[-1].breakers.values()) == {"closed"}
            and asked[-1].at > self.at.back
            and not asked[-1].is_degraded
            and self._stored() > self.watch.stored_at(self.at.back)
        )

    def _stored(self) -> int:
        return self.watch.stored_at(time.monotonic())

    def _rows(self) -> int:
        return sum(self.uploader.accepted.values())

    def _follow(self, *, until: float) -> None:
        while time.monotonic() < until:
            time.sleep(max(0.0, min(LINE_SECONDS, until - time.monotonic())))
            last = self.watch.samples[-1]
            states = ", ".join(f"{name} {last.breakers[name]}" for name in self.expected.breakers)
            recent = self.asker.between(time.monotonic() - LINE_SECONDS, time.monotonic())
            self._say(f"{states}; {self._stored():,} chunks stored; {_counted(recent)}")

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self.at.stopping:7.1f} s  {what}", flush=True)

    def _wrong_answers(self) -> Iterator[str]:
        failed = [question for question in self.asker.asked if question.status != 200]
        for question in failed[:5]:
            after = question.at - self.at.stopping
            yield f"a question at {after:.1f} s: {question.status} after {question.seconds:.1f} s"
        if failed:
            yield f"{len(failed)} of {len(self.asker.asked)} questions failed"
        away = self.asker.between(self.at.away, self.at.starting)
        of_them = [one for one in away if one.at + one.seconds < self.at.starting]
        if self.expected.is_degraded and not all(one.is_degraded for one in of_them):
            yield "an answer in full while the store was away"

    def _wrong_breakers(self) -> Iterator[str]:
        changes = list(self.watch.changes())
        for dependency in self.expected.breakers:
            states = [change.after for change in changes if change.dependency == dependency]
            if "open" not in states or states[-1] != "closed":
                yield f"the breaker {dependency} was not seen to open and to close again"
            elif self.expected.is_probe_slow and "half-open" not in states[states.index("open") :]:
                yield f"the breaker {dependency} was not seen half-open"

    def _wrong_import(self) -> Iterator[str]:
        if self.watch.stored_at(self.at.end) <= self.watch.stored_at(self.at.back):
            yield "the import did not go on"

    def _print_phases(self) -> None:
        at = self.at
        print("\nbreakers in the metrics, in seconds since the stop")
        for change in self.watch.changes():
            after = change.at - at.stopping
            print(f"{after:7.1f} s  {change.dependency}: {change.before} -> {change.after}")
        print("\n| phase | seconds | questions | chunks stored |\n|---|---:|---|---:|")
        begin = self.watch.samples[0].at
        for name, start, end in (
            ("before", begin, at.stopping),
            ("being stopped", at.stopping, at.away),
            ("away", at.away, at.starting),
            ("back, until all is well", at.starting, at.recovered),
            ("after", at.recovered, at.end),
        ):
            stored = self.watch.stored_at(end) - self.watch.stored_at(start)
            asked = _counted(self.asker.between(start, end))
            print(f"| {name} | {end - start:.1f} | {asked} | {stored:,} |", flush=True)


def _counted(asked: Sequence[Question]) -> str:
    failed = sum(question.status != 200 for question in asked)
    degraded = sum(question.is_degraded for question in asked)
    took = [1_000 * question.seconds for question in asked]
    p95 = f", p95 {quantiles(took, n=20)[-1]:.0f} ms" if len(took) > 1 else ""
    return f"{len(asked)} asked, {degraded} degraded, {failed} failed{p95}"


def address_of(settings: Settings, store: str) -> tuple[str, int]:
    """Host and port of a store that the settings name."""
    dsn = settings.postgres.dsn
    address = {
        "index": settings.weaviate.url,
        "postgres": dsn.get_secret_value() if dsn else "",
        "objects": settings.objects.s3.endpoint_url or "",
    }[store]
    parts = urlsplit(address)
    if not parts.hostname:
        raise SystemExit(f"the settings name no address of {store}")
    return parts.hostname, parts.port or {"index": 80, "postgres": 5432, "objects": 80}[store]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.outage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", choices=sorted(ABSENCES), default="index")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long it is away")
    parser.add_argument("--kill", action="store_true", help="by SIGKILL instead of SIGTERM")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    settings = Settings()
    print(described(settings), flush=True)
    with (
        running_server(
            shlex.split(os.environ[START]), *address_of(settings, asked.store)
        ) as server,
        tempfile.TemporaryDirectory(prefix="headrace-outage-") as folder,
        own_places(settings) as places,
        running_world(Path(folder), **places) as world,
    ):
        how = signal.SIGKILL if asked.kill else signal.SIGTERM
        problems = Outage(world, server, asked.store, asked.seconds, how).run()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
