"""A Weaviate of the suite's own, from the program that the environment names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import psutil

from tests.chaos.keeper import Keeper
from tests.e2e.conftest import free_port

PROGRAM = "HEADRACE_CHAOS_WEAVIATE"
START_SECONDS = 120.0


class IndexServer:
    """Started again when it has ended. Its data lie in ``directory``."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._http_port, self._grpc_port = free_port(), free_port()
        self._process: psutil.Popen | None = None
        self._keeper = Keeper(self._look_after)

    @staticmethod
    def program() -> str | None:
        """The path of Weaviate's program, if the environment names one."""
        return os.environ.get(PROGRAM)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "HEADRACE_SEARCH__BACKEND": "weaviate",
            "HEADRACE_WEAVIATE__URL": f"http://127.0.0.1:{self._http_port}",
            "HEADRACE_WEAVIATE__GRPC_PORT": str(self._grpc_port),
        }

    def processes(self) -> list[psutil.Process]:
        return [self._process] if self._process is not None and self._process.is_running() else []

    def is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self._http_port}/v1/.well-known/ready"
            return httpx.get(url, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def start(self) -> None:
        self._look_after()
        self._keeper.start()

    def stop(self) -> None:
        self._keeper.stop()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _look_after(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        gossip_port = free_port()
        own = {
            "PERSISTENCE_DATA_PATH": str(self._directory),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
            "DEFAULT_VECTORIZER_MODULE": "none",
            "DISABLE_TELEMETRY": "true",
            "CLUSTER_HOSTNAME": "node1",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "CLUSTER_GOSSIP_BIND_PORT": str(gossip_port),
            "CLUSTER_DATA_BIND_PORT": str(gossip_port + 1),
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "RAFT_PORT": str(free_port()),
            "RAFT_INTERNAL_RPC_PORT": str(free_port()),
            "GRPC_PORT": str(self._grpc_port),
            "GO_PROFILING_DISABLE": "true",
        }
        address = ["--host", "127.0.0.1", "--port", str(self._http_port), "--scheme", "http"]
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "server.log").open("ab") as log:
            self._process = psutil.Popen(
                [self._program, *address],
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
