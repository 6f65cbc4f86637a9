"""A whole service in its own data directory on free ports, driven by the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

HEADRACE = Path(sys.executable).with_name("headrace")
START_SECONDS = 600
BULK_BYTES = 500_000


@dataclass
class Service:
    """A running installation, as its operator sees it."""

    data_dir: Path
    url: str

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """One call of the command line against this service."""
        return subprocess.run(
            [str(HEADRACE), *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HEADRACE_URL": self.url,
            "HEADRACE_DATA_DIR": str(self.data_dir),
            "HEADRACE_INGEST__LEASE_SECONDS": "6",
            "HEADRACE_INGEST__BULK_BYTES": str(BULK_BYTES),
            "HEADRACE_INGEST__SLICE_BYTES": "200000",
        }

    def json(self, *arguments: str, timeout: float = 300) -> Any:
        """What the command printed under ``--json``; its exit status must be 0."""
        done = self.run(*arguments, "--json", timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def upload(self, filename: str, content: bytes, **options: str) -> str:
        """Upload and return the file's id."""
        response = httpx.put(
            f"{self.url}/v1/files/{filename}", content=content, params=options, timeout=60
        )
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def file(self, file_id: str) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/v1/files/{file_id}", timeout=30).json())

    def process(self, name: str) -> psutil.Process:
        """A process of this service by its name in ``run/node.json``."""
        state = json.loads((self.data_dir / "run" / "node.json").read_text())
        return psutil.Process(state["pids"][name] if name != "node" else state["pid"])

    def postgres(self) -> psutil.Process:
        pid_file = next(self.data_dir.rglob("postmaster.pid"))
        return psutil.Process(int(pid_file.read_text().split()[0]))


def eventually(what: Callable[[], Any], *, seconds: float = 120) -> Any:
    """The first true value of ``what``; errors of transport are waited out."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if value := what():
                return value
        except (httpx.TransportError, KeyError, OSError, ValueError, psutil.NoSuchProcess):
            pass
        time.sleep(0.1)
    raise AssertionError(f"it did not become true within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill(process: psutil.Process) -> None:
    """End a process of this test's own service without warning."""
    process.send_signal(signal.SIGKILL)


AService = TypeVar("AService", bound=Service)


@contextmanager
def started(kind: type[AService], data_dir: Path) -> Iterator[AService]:
    """A service of its own on a free port, stopped afterwards."""
    port = free_port()
    running = kind(data_dir, f"http://127.0.0.1:{port}")
    up = running.run("up", "--port", str(port), "--data-dir", str(data_dir), timeout=START_SECONDS)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        yield running
    finally:
        running.run("down", "--data-dir", str(data_dir), timeout=120)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with started(Service, tmp_path_factory.mktemp("headrace")) as running:
        yield running
