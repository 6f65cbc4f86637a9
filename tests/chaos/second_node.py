"""A second Ray node on this machine: a raylet of its own, where only import workers may live."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from serve_app.ray_environment import ray_environment, ray_token_file
from tests.chaos.keeper import Keeper


class SecondNode:
    """Joins the Ray of a data directory whenever there is one that it is no part of."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._process: psutil.Popen | None = None
        self._address = ""
        self._keeper = Keeper(self._look_after)

    def start(self) -> None:
        self._keeper.start()

    def stop(self) -> None:
        self._keeper.stop()
        self._end()

    def family(self) -> list[psutil.Process]:
        """The node's processes, if there are any: its raylet, and the workers that live there."""
        process = self._process
        if process is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            return [process, *process.children(recursive=True)]
        return []

    def _look_after(self) -> None:
        address = self._first_node()
        is_running = self._process is not None and self._process.poll() is None
        if address and (address != self._address or not is_running):
            self._end()
            self._join(address)

    def _first_node(self) -> str:
        """Where the Ray of the data directory is now; empty where there is none."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            written = json.loads((self._data_dir / "run" / "node.json").read_text())
            if psutil.pid_exists(written["pid"]):
                return str(written["ray_address"])
        return ""

    def _join(self, address: str) -> None:
        self._address = address
        with (self._data_dir / "logs" / "second_node.log").open("ab") as log:
            self._process = psutil.Popen(
                [sys.executable, "-m", "tests.chaos.joining_node", address],
                env={**os.environ, **ray_environment(ray_token_file(self._data_dir))},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _end(self) -> None:
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if self._process is not None:
            self._process.wait()
