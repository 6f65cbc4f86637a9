"""What is done to a running service. Each fault strikes at once, and undoes what it must."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import psutil

from tests.chaos.load import put, rows_of
from tests.chaos.world import World

STALL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``weight`` is how often it is drawn beside the others.

    ``strike`` returns the ids of files that it has uploaded and that must end as ``failed``.
    """

    name: str
    weight: int
    strike: Callable[[World, Random], Sequence[str]]


def _kill_all(victims: Sequence[psutil.Process]) -> Sequence[str]:
    for victim in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    return ()


def kill_part(title: str) -> Callable[[World, Random], Sequence[str]]:
    """Kill one process whose title begins so."""

    def strike(world: World, random: Random) -> Sequence[str]:
        victims = world.parts(title)
        return _kill_all(random.sample(victims, 1) if victims else ())

    return strike


def _kill_postgres(world: World, random: Random) -> Sequence[str]:
    return _kill_all([world.postgres()])


def _kill_ray(world: World, random: Random) -> Sequence[str]:
    return _kill_all([world.node, *world.node.children(recursive=True)])


def _kill_supervisor(world: World, random: Random) -> Sequence[str]:
    """The operator, or systemd, starts it again."""
    _kill_all([world.supervisor])
    world.up()
    return ()


def _drop_connections(world: World, random: Random) -> Sequence[str]:
    """End every session of the database server, as a restarted firewall would."""
    return _kill_backends(world.postgres())


def _kill_backends(server: psutil.Process) -> Sequence[str]:
    for backend in server.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            title = " ".join(backend.cmdline())
            if "[local]" in title or "127.0.0.1" in title:
                backend.terminate()
    return ()


def _stall(
    victims: Callable[[World], Sequence[psutil.Process]],
) -> Callable[[World, Random], Sequence[str]]:
    """Stop processes for a while, as a machine does that swaps or a network that delays."""

    def strike(world: World, random: Random) -> Sequence[str]:
        stopped = list(victims(world))
        for process in stopped:
            process.suspend()
        try:
            time.sleep(STALL_SECONDS)
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        return ()

    return strike


def _postgres_family(world: World) -> Sequence[psutil.Process]:
    server = world.postgres()
    return [server, *server.children(recursive=True)]


def _corrupt_object(world: World, random: Random) -> Sequence[str]:
    """Damage a stored file before anybody has read it; the conductor is held up meanwhile."""
    name = f"damaged-{random.randrange(10**9)}"
    content = rows_of(name, 20)
    held = world.parts("ray::ConductorActor")
    for process in held:
        process.suspend()
    try:
        file_id = put(world, f"{name}.ndjson", content)
        digest = sha256(content).hexdigest()
        stored = world.data_dir / "objects" / "sha256" / digest[:2] / digest[2:4] / digest
        if file_id:
            stored.write_bytes(content.replace(b"Pump", b"Pimp"))
    finally:
        for process in held:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
    return [file_id] if file_id else []


FAULTS = (
    Fault("import worker killed", 30, kill_part("ray::IngestWorkerActor")),
    Fault("index writer killed", 14, kill_part("ray::IndexWriterActor")),
    Fault("conductor killed", 14, kill_part("ray::ConductorActor")),
    Fault("query replica killed", 10, kill_part("ray::ServeReplica")),
    Fault("HTTP proxy killed", 4, kill_part("haproxy")),
    Fault("Serve controller killed", 4, kill_part("ray::ServeController")),
    Fault("module registry killed", 2, kill_part("ray::ModuleRegistryActor")),
    Fault("PostgreSQL killed", 6, _kill_postgres),
    Fault("database sessions ended", 6, _drop_connections),
    Fault("all of Ray killed", 3, _kill_ray),
    Fault("supervisor killed", 2, _kill_supervisor),
    Fault("PostgreSQL stalled for 3 s", 2, _stall(_postgres_family)),
    Fault("index writer stalled for 3 s", 2, _stall(lambda w: w.parts("ray::IndexWriterActor"))),
    Fault("stored file damaged", 2, _corrupt_object),
)


def drawn(random: Random, count: int) -> list[Fault]:
    """Every fault at least once, the others by weight, in random order."""
    rest = random.choices(FAULTS, [fault.weight for fault in FAULTS], k=max(0, count - len(FAULTS)))
    faults = [*FAULTS, *rest][:count]
    random.shuffle(faults)
    return faults
