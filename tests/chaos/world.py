"""The service under test, and how to lay hands on its parts."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import psutil

from tests.chaos.index_server import IndexServer
from tests.chaos.outside import FAKETIME, OutsideStores
from tests.chaos.second_node import SecondNode
from tests.chaos.small_disk import SmallDisk
from tests.e2e.conftest import Service, free_port

START_SECONDS = 300
POLL_SECONDS = 0.1


@dataclass
class World(Service):
    """A service of its own; ``settings`` are further variables for it."""

    settings: dict[str, str] = field(default_factory=dict)
    # Without kept connections: those to a dead replica would tell of nothing but themselves.
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
    )
    conductor_in_hand: Lock = field(default_factory=Lock)
    """Held by a fault that ends the conductor, or that needs it to stand still."""
    stores: OutsideStores | None = None
    second_node: SecondNode | None = None
    index_server: IndexServer | None = None
    disks: dict[str, SmallDisk] = field(default_factory=dict)
    """Those of ``objects`` and of ``index``, where they can be had."""

    @property
    def objects_dir(self) -> Path:
        return self.data_dir / "objects"

    @property
    def can_move_clock(self) -> bool:
        """Whether this machine has what moves the clock of one process."""
        return FAKETIME.exists()

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "HEADRACE_EMBEDDER__BACKEND": "hash",
            "HEADRACE_HTTP__PORT": self.url.rpartition(":")[2],
            **self.settings,
        }

    def up(self) -> None:
        done = self.run("up", timeout=START_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"headrace up: {done.stdout}{done.stderr}")

    def up_again(self) -> None:
        """Start it while things go on breaking: tried until it is up."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.up()
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise

    def down(self) -> None:
        self.run("down", timeout=300)

    def move_out(self) -> None:
        """Go on with stores outside, and a second Ray node on which import workers may live."""
        self.down()
        self.stores = OutsideStores(self.data_dir)
        self.stores.start()
        self.settings |= self.stores.settings | {"HEADRACE_INGEST__WORKERS": "2"}
        self.up_again()
        self.second_node = SecondNode(self.data_dir)
        self.second_node.start()

    def end(self) -> None:
        """Stop all that was started, whatever state it is in."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.http.close)
            for disk in self.disks.values():
                stack.callback(disk.stop)
            for part in (self.index_server, self.stores):
                if part:
                    stack.callback(part.stop)
            stack.callback(self.down)
            if self.second_node:
                stack.callback(self.second_node.stop)

    def supervisors(self) -> list[psutil.Process]:
        """The supervisor, if there is one."""
        return self._running(lambda state: state["pid"])

    def node_family(self) -> list[psutil.Process]:
        """The node and all its processes, if there are any."""
        node = self._running(lambda state: state["node"]["pid"])
        with contextlib.suppress(psutil.NoSuchProcess):
            return [*node, *(child for one in node for child in one.children(recursive=True))]
        return []

    def parts(self, title: str) -> list[psutil.Process]:
        """The nodes' processes whose title begins so: ``ray::ConductorActor``, ``haproxy``."""
        family = self.node_family()[1:]
        if self.second_node:
            family += self.second_node.family()
        return [process for process in family if _title(process).startswith(title)]

    def postgres_family(self) -> list[psutil.Process]:
        """The database server, then its processes, if there are any."""
        pid_file = self.data_dir / "postgres" / "cluster" / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess):
            server = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
            if server.name().startswith("postgres"):
                return [server, *server.children(recursive=True)]
        return []

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.http.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        return False

    def files(self) -> list[dict[str, Any]]:
        """Every file that the service knows."""
        return list(self.json("files")["files"])

    def _running(self, pid_in: Callable[[Any], int]) -> list[psutil.Process]:
        """The process of that id in what the supervisor has written down, if it runs."""
        written = self.data_dir / "run" / "supervisor.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
            process = psutil.Process(pid_in(json.loads(written.read_text())))
            if process.status() != psutil.STATUS_ZOMBIE:
                return [process]
        return []


def _title(process: psutil.Process) -> str:
    try:
        return str(process.cmdline()[0]).rpartition("/")[2]
    except (psutil.Error, IndexError):
        return ""


@contextlib.contextmanager
def running_world(data_dir: Path, **settings: str) -> Iterator[World]:
    """A started service with these further variables; stopped whatever happens.

    Its index is a Weaviate's where the environment names the program, else in the data directory.
    """
    world = World(data_dir, f"http://127.0.0.1:{free_port()}", settings)
    try:
        _mount_disks(world)
        if program := IndexServer.program():
            world.index_server = IndexServer(program, data_dir / "weaviate")
            world.index_server.start()
            world.settings |= world.index_server.settings
        world.up_again()
        yield world
    finally:
        world.end()


def _mount_disks(world: World) -> None:
    """Where that is permitted."""
    for name in ("objects", "index"):
        disk = SmallDisk(world.data_dir / name)
        with contextlib.suppress(PermissionError):
            disk.start()
            world.disks[name] = disk


def wait_until(what: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    return wait_until_deadline(what, lambda: end)


def wait_until_deadline(what: Callable[[], bool], deadline: Callable[[], float]) -> bool:
    """Whether it became true before the deadline (monotonic), which may move meanwhile."""
    while True:
        if what():
            return True
        if time.monotonic() >= deadline():
            return False
        time.sleep(POLL_SECONDS)
