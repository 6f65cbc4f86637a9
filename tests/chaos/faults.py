"""All faults: what is done to a running service's processes, here, and to its stores."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random

import psutil

from domain.models.files import ProcessingStatus
from tests.chaos.fault import Fault, Where, held, kill, kill_all, kill_one, killed, parts, stalled
from tests.chaos.load import put, rows_of, status_of
from tests.chaos.store_faults import STORE_FAULTS
from tests.chaos.world import World


def _postgres(world: World) -> Sequence[psutil.Process]:
    return world.postgres_family()[:1]


def _second_node(world: World) -> Sequence[psutil.Process]:
    """All of it, once a raylet runs there."""
    family = world.second_node.family() if world.second_node else []
    return family if len(family) > 1 else []


def _index_server(world: World) -> Sequence[psutil.Process]:
    return world.index_server.processes() if world.index_server else []


def _kill_conductor(world: World, random: Random) -> Sequence[str]:
    with world.conductor_in_hand:
        return kill_one(parts("ray::ConductorActor"))(world, random)


def _kill_ray(world: World, random: Random) -> Sequence[str]:
    with world.conductor_in_hand:
        return kill(world.node_family())


def _kill_supervisor(world: World, random: Random) -> Sequence[str]:
    """The operator, or systemd, starts it again."""
    with world.conductor_in_hand:
        kill(world.supervisors())
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


def _damage_file(world: World, random: Random) -> Sequence[str]:
    """Damage a stored file before anybody has read it; the conductor is held up meanwhile."""
    name = f"damaged-{random.randrange(10**9)}"
    content = rows_of(name, 20)
    digest = sha256(content).hexdigest()
    stored = world.objects_dir / "sha256" / digest[:2] / digest[2:4] / digest
    with world.conductor_in_hand, held(world.parts("ray::ConductorActor")):
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
    killed("import worker killed", 30, parts("ray::IngestWorkerActor")),
    killed("index writer killed", 14, parts("ray::IndexWriterActor")),
    Fault("conductor killed", 14, _kill_conductor, lambda w: bool(w.parts("ray::ConductorActor"))),
    killed("query replica killed", 10, parts("ray::ServeReplica")),
    killed("HTTP proxy killed", 4, parts("haproxy")),
    killed("Serve controller killed", 4, parts("ray::ServeController")),
    killed("breaker hub killed", 2, parts("ray::BreakerHubActor")),
    Fault("PostgreSQL killed", 6, kill_all(_postgres), lambda w: bool(_postgres(w))),
    Fault("database sessions ended", 4, _drop_sessions, lambda w: bool(_postgres(w))),
    Fault(
        "all of Ray killed",
        0,
        _kill_ray,
        lambda w: bool(w.node_family()),
        where=Where.EMBEDDED,
    ),
    Fault(
        "supervisor killed",
        0,
        _kill_supervisor,
        lambda w: bool(w.supervisors()),
        where=Where.OUTSIDE,
    ),
    Fault(
        "second Ray node killed",
        2,
        kill_all(_second_node),
        lambda w: bool(_second_node(w)),
        where=Where.OUTSIDE,
    ),
    Fault(
        "Weaviate killed",
        6,
        kill_all(_index_server),
        lambda w: bool(_index_server(w)),
        is_had=lambda w: w.index_server is not None,
    ),
    stalled("PostgreSQL", 2, lambda world: world.postgres_family()),
    stalled("index writer", 2, parts("ray::IndexWriterActor")),
    Fault("stored file damaged", 2, _damage_file, lambda w: w.is_ready()),
    *STORE_FAULTS,
)


def drawn(world: World, random: Random, count: int, *, where: Where) -> list[Fault]:
    """Every fault of that arrangement at least once, the others by weight, in random order.

    Those of weight 0 take everything down; more than one of each would leave little time.
    """
    had = [fault for fault in FAULTS if fault.where in (Where.ANYWHERE, where)]
    had = [fault for fault in had if fault.is_had(world)]
    weights = [fault.weight for fault in had]
    faults = [*had, *random.choices(had, weights, k=max(0, count - len(had)))][:count]
    random.shuffle(faults)
    return faults


def missing(world: World) -> list[str]:
    """The names of faults that cannot be had here."""
    return [fault.name for fault in FAULTS if not fault.is_had(world)]
