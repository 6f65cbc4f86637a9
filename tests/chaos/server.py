"""The server of a store, which is stopped and started by its command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos.world import wait_until

STOP_SECONDS, START_SECONDS = 60.0, 120.0


@dataclass
class Server:
    """Runs a command in a session of its own, which listens at ``host`` and ``port``."""

    command: Sequence[str]
    host: str
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns as soon as it listens."""
        if self._listens():
            raise SystemExit(f"somebody listens at {self.host}:{self.port} already")
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if not wait_until(self._listens, seconds=START_SECONDS):
            raise SystemExit(f"nothing listens at {self.host}:{self.port}: {self.command}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Returns when it has ended; what takes longer than a minute is killed."""
        if self._process is None:
            return
        os.killpg(self._process.pid, number)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


@contextmanager
def running_server(command: Sequence[str], host: str, port: int) -> Iterator[Server]:
    """A started server; stopped whatever happens."""
    server = Server(command, host, port)
    try:
        server.start()
        yield server
    finally:
        server.stop()
