"""A Headrace of its own for a benchmark: fresh data directory, free port, stopped at the end."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.file_states import FINAL_STATUSES

HEADRACE = Path(sys.executable).with_name("headrace")
POLL_SECONDS, CALM_POLL_SECONDS = 0.05, 0.25
"""How often is asked whether an import is over, at first and after ``CALM_SECONDS``: an answer
costs the service as much as embedding a text."""

CALM_SECONDS = 5
SETTLE_POLL_SECONDS = 1.0
IMPORT_TIMEOUT_SECONDS = 3_600


class BenchmarkFailed(Exception):
    """The service did something else than the benchmark expects."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service; every call opens its own connection."""

    port: int
    environment: dict[str, str]

    @property
    def data_dir(self) -> Path:
        return Path(self.environment["HEADRACE_DATA_DIR"])

    def connect(self) -> http.client.HTTPConnection:
        return open_connection(self.port)

    def call(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """One request with a JSON answer."""
        connection = self.connect()
        try:
            return request(connection, method, path, body)
        finally:
            connection.close()

    def import_bytes(self, filename: str, content: bytes) -> dict[str, Any]:
        """Upload a file and wait until it is searchable; the file as the service reports it."""
        accepted = self.call("PUT", f"/v1/files/{filename}", content)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < IMPORT_TIMEOUT_SECONDS:
            file = self.call("GET", f"/v1/files/{accepted['id']}")
            if file["status"] in {"completed", "completed_with_errors", "failed"}:
                return file
            time.sleep(POLL_SECONDS if passed < CALM_SECONDS else CALM_POLL_SECONDS)
        raise BenchmarkFailed(f"{filename} was not imported in {IMPORT_TIMEOUT_SECONDS} s")

    def settle(self) -> float:
        """Wait until every file rests and every record is linked; how many seconds that took.

        Raises:
            BenchmarkFailed: some do not.
        """
        began = time.monotonic()
        while time.monotonic() - began < IMPORT_TIMEOUT_SECONDS:
            unfinished = self.call("GET", "/v1/status")["files"].keys() - FINAL_STATUSES
            if not unfinished and not self.call("GET", "/v1/entities?limit=1")["waiting"]:
                return time.monotonic() - began
            time.sleep(SETTLE_POLL_SECONDS)
        raise BenchmarkFailed(f"not at rest after {IMPORT_TIMEOUT_SECONDS} s")

    def command(self, *arguments: str, may_fail: bool = False) -> str:
        """What ``headrace …`` prints; with ``may_fail`` whatever its exit status is."""
        return _headrace(arguments, self.environment, may_fail=may_fail)


def open_connection(port: int, *, timeout_seconds: float = 60) -> http.client.HTTPConnection:
    """To a server on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    connection.connect()
    # Requests go out in two writes; without this the second waits for the first one's ACK.
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> dict[str, Any]:
    """One request on an open connection, answered with a JSON object."""
    answer: dict[str, Any] = json.loads(exchange(connection, method, path, body))
    return answer


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> bytes:
    """One request on an open connection; the answer's body."""
    connection.request(method, path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status >= 400:
        raise BenchmarkFailed(f"{method} {path}: {response.status} {content[:500]!r}")
    return content


@contextmanager
def fresh_service(**settings: str) -> Iterator[Service]:
    """Start a service with these settings, and stop it however the benchmark ends."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        port = free_port()
        environment = {
            **os.environ,
            "HEADRACE_DATA_DIR": folder,
            "HEADRACE_HTTP__PORT": str(port),
            "HEADRACE_URL": f"http://127.0.0.1:{port}",
            **settings,
        }
        try:
            _headrace(("up",), environment)
            yield Service(port, environment)
        finally:
            _headrace(("down",), environment)


def _headrace(
    arguments: tuple[str, ...], environment: dict[str, str], *, may_fail: bool = False
) -> str:
    done = subprocess.run(
        [str(HEADRACE), *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode != 0 and not may_fail:
        raise BenchmarkFailed(f"headrace {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port() -> int:
    """One that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
