"""What is done to a running service. Each fault strikes at once, and undoes what it must."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import psutil

from domain.models.files import ProcessingStatus
from tests.chaos.load import put, rows_of, status_of
from tests.chaos.world import World

STALL_SECONDS = 3.0

Victims = Callable[[World], Sequence[psutil.Process]]
Strike = Callable[[World, Random], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Fault:
    """``weight`` is how often it is drawn beside the others.

    ``strike`` returns the ids of files that it has uploaded and that must end as ``failed``.
    ``is_possible`` says whether there is anything to strike at this moment.
    """

    name: str
    weight: int
    strike: Strike
    is_possible: Callable[[World], bool] = lambda world: True


def parts(title: str) -> Victims:
    """The processes of the node whose title begins so."""
    return lambda world: world.parts(title)


def _postgres(world: World) -> Sequence[psutil.Process]:
    return world.postgres_family()[:1]


def kill_one(victims: Victims) -> Strike:
    """Kill one of them, whichever."""

    def strike(world: World, random: Random) -> Sequence[str]:
        there = victims(world)
        return _kill(random.sample(there, 1) if there else ())

    return strike


def _kill_all(victims: Victims) -> Strike:
    return lambda world, random: _kill(victims(world))


def _kill(victims: Sequence[psutil.Process]) -> Sequence[str]:
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    return ()


def _killed(name: str, weight: int, victims: Victims) -> Fault:
    return Fault(name, weight, kill_one(victims), lambda world: bool(victims(world)))


def _kill_conductor(world: World, random: Random) -> Sequence[str]:
    with world.conductor_in_hand:
        return kill_one(parts("ray::ConductorActor"))(world, random)


def _kill_ray(world: World, random: Random) -> Sequence[str]:
    with world.conductor_in_hand:
        return _kill(world.node_family())


def _kill_supervisor(world: World, random: Random) -> Sequence[str]:
    """The operator, or systemd, starts it again."""
    with world.conductor_in_hand:
        _kill(world.supervisors())
        world.up_again()
    return ()


def _drop_sessions(world: World, random: Random) -> Sequence[str]:
    """End every session of the database server, as its administrator may."""
    for backend in world.postgres_family()[1:]:
        with contextlib.suppress(psutil.NoSuchProcess):
            title = " ".join(backend.cmdline())
            if "[local]" in title or "127.0.0.1" in title:
                backend.terminate()
    return ()


@contextmanager
def _held(victims: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop processes inside the block, as a machine does that swaps."""
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _stalled(name: str, weight: int, victims: Victims) -> Fault:
    def strike(world: World, random: Random) -> Sequence[str]:
        with _held(victims(world)):
            time.sleep(STALL_SECONDS)
        return ()

    return Fault(
        f"{name} stalled for {STALL_SECONDS:g} s",
        weight,
        strike,
        lambda world: bool(victims(world)),
    )


def _damage_file(world: World, random: Random) -> Sequence[str]:
    """Damage a stored file before anybody has read it; the conductor is held up meanwhile."""
    name = f"damaged-{random.randrange(10**9)}"
    content = rows_of(name, 20)
    digest = sha256(content).hexdigest()
    stored = world.objects_dir / "sha256" / digest[:2] / digest[2:4] / digest
    with world.conductor_in_hand, _held(world.parts("ray::ConductorActor")):
        file_id = put(world, f"{name}.ndjson", content)
        if file_id is None:
            return ()
        _overwrite(stored, content.replace(b"Pump", b"Pimp"))
        # A conductor that has just been started again may have been faster.
        if status_of(world, file_id) == ProcessingStatus.PENDING:
            return [file_id]
        _overwrite(stored, content)
    return ()


def _overwrite(path: Path, content: bytes) -> None:
    """In place, which takes no space on a disk that may be full."""
    with path.open("r+b") as file:
        file.write(content)


FAULTS = (
    _killed("import worker killed", 30, parts("ray::IngestWorkerActor")),
    _killed("index writer killed", 14, parts("ray::IndexWriterActor")),
    Fault("conductor killed", 14, _kill_conductor, lambda w: bool(w.parts("ray::ConductorActor"))),
    _killed("query replica killed", 10, parts("ray::ServeReplica")),
    _killed("HTTP proxy killed", 4, parts("haproxy")),
    _killed("Serve controller killed", 4, parts("ray::ServeController")),
    _killed("breaker hub killed", 2, parts("ray::BreakerHubActor")),
    Fault("PostgreSQL killed", 6, _kill_all(_postgres), lambda w: bool(_postgres(w))),
    Fault("database sessions ended", 6, _drop_sessions, lambda w: bool(_postgres(w))),
    Fault("all of Ray killed", 1, _kill_ray, lambda w: bool(w.node_family())),
    Fault("supervisor killed", 1, _kill_supervisor, lambda w: bool(w.supervisors())),
    _stalled("PostgreSQL", 2, lambda world: world.postgres_family()),
    _stalled("index writer", 2, parts("ray::IndexWriterActor")),
    Fault("stored file damaged", 2, _damage_file, lambda w: w.is_ready()),
)


def drawn(random: Random, count: int) -> list[Fault]:
    """Every fault at least once, the others by weight, in random order."""
    rest = random.choices(FAULTS, [fault.weight for fault in FAULTS], k=max(0, count - len(FAULTS)))
    faults = [*FAULTS, *rest][:count]
    random.shuffle(faults)
    return faults
