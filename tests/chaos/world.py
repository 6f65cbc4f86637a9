"""The service under test, and how to lay hands on its parts."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.e2e.conftest import Service, free_port

START_SECONDS = 300


@dataclass
class World(Service):
    """A service of its own; ``settings`` are further variables for it."""

    settings: dict[str, str] = field(default_factory=dict)

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

    def down(self) -> None:
        self.run("down", timeout=120)

    @property
    def supervisor(self) -> psutil.Process:
        return psutil.Process(self._state()["pid"])

    @property
    def node(self) -> psutil.Process:
        return psutil.Process(self._state()["node"]["pid"])

    def parts(self, title: str) -> list[psutil.Process]:
        """The node's processes whose title begins so: ``ray::ConductorActor``, ``haproxy``."""
        with contextlib.suppress(psutil.NoSuchProcess, OSError, KeyError, TypeError):
            return [p for p in self.node.children(recursive=True) if _title(p).startswith(title)]
        return []

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        return False

    def files(self) -> list[dict[str, Any]]:
        """Every file that the service knows."""
        return list(self.json("files")["files"])

    def _state(self) -> dict[str, Any]:
        return dict(json.loads((self.data_dir / "run" / "supervisor.json").read_text()))


def _title(process: psutil.Process) -> str:
    try:
        return process.cmdline()[0].rpartition("/")[2]
    except (psutil.Error, IndexError):
        return ""


@contextlib.contextmanager
def running_world(data_dir: Path, **settings: str) -> Iterator[World]:
    """A started service; stopped whatever happens."""
    world = World(data_dir, f"http://127.0.0.1:{free_port()}", settings)
    try:
        world.up()
        yield world
    finally:
        world.down()


def wait_until(what: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False
