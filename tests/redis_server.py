"""A private Redis server for tests, where its program is on the machine."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.certificates import Certificate

START_SECONDS = 20


class PrivateRedis:
    """Listens on a free port of this machine and keeps nothing."""

    def __init__(
        self, directory: Path, *, password: str = "", certificate: Certificate | None = None
    ) -> None:
        self._directory = directory
        self._password = password
        self._certificate = certificate
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        scheme = "rediss" if self._certificate else "redis"
        return f"{scheme}://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        listen = ["--port", "0", "--tls-port"] if self._certificate else ["--port"]
        command = ["redis-server", *listen, str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self._directory)]
        if self._password:
            command += ["--requirepass", self._password]
        if certificate := self._certificate:
            command += ["--tls-cert-file", str(certificate.certificate)]
            command += ["--tls-key-file", str(certificate.key), "--tls-auth-clients", "no"]
        self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self._await_answer()

    def stop(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._server is not None
            assert self._server.poll() is None, "redis-server ended while starting"
            assert time.monotonic() < deadline, "redis-server does not answer"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
